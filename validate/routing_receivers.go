package validate

import (
	"fmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// teamReceivers checks the templates that the team's receivers name.
func teamReceivers(t *repolayout.Team, templates *templateSet) []Finding {
	var found []Finding
	for i, route := range t.Spec.Routes {
		path := fmt.Sprintf("routes[%d].receivers", i)
		found = append(found, receiverTexts(route.Receivers, path, t.Name, t.Spec.Places, templates)...)
	}
	return found
}

// checkOnCall checks the templates that the on-call stream's receivers name.
func checkOnCall(stack repolayout.Stack, c *checkContext) []Finding {
	return receiverTexts(stack.OnCall.Receivers, "onCall.receivers", "", stack.Places, c.templates)
}

func receiverTexts(receivers []repolayout.Receiver, path, owner string, places repolayout.Places, templates *templateSet) []Finding {
	var found []Finding
	check := func(i int, r repolayout.Receiver, key, text string) {
		at := placeOr(places.At(fmt.Sprintf("%s[%d].%s", path, i, key)), r.Pos)
		found = append(found, templates.receiverText(text, owner, at, nil)...)
		found = append(found, templates.bareName(text, owner, at)...)
	}
	for i, r := range receivers {
		if r.Slack != nil {
			check(i, r, "slack.title", r.Slack.Title)
			check(i, r, "slack.text", r.Slack.Text)
			check(i, r, "slack.channel", r.Slack.Channel)
		}
		if r.PagerDuty != nil {
			check(i, r, "pagerDuty.description", r.PagerDuty.Description)
		}
		if r.Email != nil {
			check(i, r, "email.to", r.Email.To)
		}
	}
	return found
}

// bareName warns of a text that is the name of a template and would be sent as it is.
func (s *templateSet) bareName(text, owner string, at repolayout.Pos) []Finding {
	if text == "" || s.text == nil || !s.defines(text) {
		return nil
	}
	return []Finding{{
		Check: routingTemplate, Severity: Warning, Owner: owner, Pos: at,
		Message: fmt.Sprintf("%q is the name of a template, but would be sent as a text", text),
		Hint:    fmt.Sprintf("write '{{ template %q . }}'", text),
	}}
}
