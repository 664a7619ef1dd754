package stack

import (
	"maps"
	"slices"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Planted stands in every value of the receivers' Secret and nowhere else:
// where it is found, a secret has leaked.
const Planted = "planted-secret-0d1f2b7c"

// secretKeys are the keys of the receivers' Secret that the repository names, sorted.
func (r *Repo) secretKeys() []string {
	keys := map[string]bool{}
	add := func(receivers []repolayout.Receiver) {
		for _, receiver := range receivers {
			keys[secretKey(receiver)] = true
		}
	}
	repo := r.load()
	add(repo.Stack.OnCall.Receivers)
	for _, team := range repo.Teams {
		for _, route := range team.Spec.Routes {
			add(route.Receivers)
		}
	}
	delete(keys, "")
	return slices.Sorted(maps.Keys(keys))
}

func secretKey(r repolayout.Receiver) string {
	switch {
	case r.Slack != nil:
		return r.Slack.URLKey
	case r.PagerDuty != nil:
		return r.PagerDuty.IntegrationKey
	case r.Email != nil:
		return r.Email.PasswordKey
	case r.Webhook != nil:
		return r.Webhook.URLKey
	}
	return ""
}
