package importer

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// notCarried begins the name that stands in [Result.Alertmanager] for an
// integration that the layout has no receiver for.
const notCarried = "not-carried."

// NotCarried is the kind of an integration that is shown under this name in
// place of a key, if the layout has no receiver for it.
func NotCarried(key string) (kind string, ok bool) { return strings.CutPrefix(key, notCarried) }

// receiver is one of the original's receivers.
type receiver struct {
	name  string
	node  *yaml.Node
	doc   *document
	tells []repolayout.Receiver
	// address is what it tells, for Result.Alertmanager.
	address []*yaml.Node
	used    bool
}

// readReceivers converts all receivers. Keys are named by the receiver that is
// the first to need them.
func (im *importing) readReceivers(r *routing) {
	for _, n := range items(r.root, "receivers") {
		rec := &receiver{name: text(n, "name"), node: n, doc: r.docOf(n)}
		address := object(scalar("name"), scalar(rec.name))
		mapping(n, func(key, value *yaml.Node) {
			kind, ok := strings.CutSuffix(key.Value, "_configs")
			if !ok {
				return
			}
			var addresses []*yaml.Node
			for _, item := range items(value) {
				to, at := im.integration(r, rec, kind, item)
				if to != nil {
					rec.tells = append(rec.tells, *to)
					addresses = append(addresses, at)
					continue
				}
				at = object(scalar("url_file"), scalar("/"+notCarried+kind))
				set(address, "webhook_configs", list(append(items(address, "webhook_configs"), at)...))
			}
			if len(addresses) > 0 {
				set(address, key.Value, list(append(items(address, key.Value), addresses...)...))
			}
		})
		rec.address = []*yaml.Node{address}
		r.receivers[rec.name] = rec
		r.order = append(r.order, rec)
	}
}

// integration converts one place to tell. The node is its address: what the
// original says of where it sends to, with the secret's key in the secret's place.
func (im *importing) integration(r *routing, rec *receiver, kind string, n *yaml.Node) (*repolayout.Receiver, *yaml.Node) {
	switch kind {
	case "slack":
		return im.slack(r, rec, n)
	case "pagerduty":
		return im.pagerDuty(r, rec, n)
	case "email":
		return im.email(r, rec, n)
	case "webhook":
		return im.webhook(rec, n)
	}
	im.note(Lost, rec.doc.at(n), "reach it by a webhook, or by a bridge that takes Alertmanager's webhooks", "receiver %q: the layout has no receiver of the kind %s; it has slack, pagerDuty, email and webhook", rec.name, kind)
	return nil, nil
}

func (im *importing) slack(r *routing, rec *receiver, n *yaml.Node) (*repolayout.Receiver, *yaml.Node) {
	key := im.keys.setting(rec.doc, n, "api_url", "slack-"+slug(rec.name)+"-url")
	if key == "" {
		key = im.keys.setting(r.docOf(r.global), r.global, "slack_api_url", "slack-url")
	}
	channel := text(n, "channel")
	if key == "" || channel == "" {
		im.note(Lost, rec.doc.at(n), "add it to the receiver in team.yaml: slack wants channel and urlKey, an incoming webhook's", "receiver %q: slack_configs without a channel and an api_url", rec.name)
		return nil, nil
	}
	im.settings(rec, n, "slack_configs", false, "api_url", "api_url_file", "channel", "title", "text")
	to := repolayout.Receiver{Slack: &repolayout.Slack{Channel: channel, URLKey: key, Title: text(n, "title"), Text: text(n, "text")}}
	return &to, address("api_url_file", key, n, "channel")
}

func (im *importing) pagerDuty(r *routing, rec *receiver, n *yaml.Node) (*repolayout.Receiver, *yaml.Node) {
	key := im.keys.setting(rec.doc, n, "routing_key", "pagerduty-"+slug(rec.name)+"-key")
	if key == "" {
		im.note(Lost, rec.doc.at(n), "make an integration of the type Events API v2 in PagerDuty, and name its key by integrationKey", "receiver %q: pagerduty_configs without a routing_key, which the Events API v2 wants", rec.name)
		return nil, nil
	}
	carried := []string{"routing_key", "routing_key_file", "description", "url"}
	if strings.Contains(text(n, "severity"), ".CommonLabels.severity") {
		carried = append(carried, "severity") // the layout's own does that
	}
	im.settings(rec, n, "pagerduty_configs", true, carried...)
	where := text(n, "url")
	if where == "" && strings.TrimSuffix(text(r.global, "pagerduty_url"), "/") != "https://events.pagerduty.com/v2/enqueue" {
		where = text(r.global, "pagerduty_url")
	}
	if hasPassword(where) {
		where = ""
	}
	to := repolayout.Receiver{PagerDuty: &repolayout.PagerDuty{IntegrationKey: key, Description: text(n, "description"), URL: where}}
	at := address("routing_key_file", key, n)
	if where != "" {
		set(at, "url", scalar(where))
	}
	return &to, at
}

func (im *importing) email(r *routing, rec *receiver, n *yaml.Node) (*repolayout.Receiver, *yaml.Node) {
	own := func(name, global string) string {
		if v := text(n, name); v != "" {
			return v
		}
		return text(r.global, global)
	}
	from, host, user := own("from", "smtp_from"), own("smarthost", "smtp_smarthost"), own("auth_username", "smtp_auth_username")
	if text(n, "to") == "" || from == "" || host == "" {
		im.note(Lost, rec.doc.at(n), "add it to the receiver in team.yaml", "receiver %q: email_configs without to, from and smarthost", rec.name)
		return nil, nil
	}
	im.settings(rec, n, "email_configs", false, "to", "from", "smarthost", "auth_username", "auth_password", "auth_password_file")
	key := im.keys.setting(rec.doc, n, "auth_password", "smtp-"+slug(rec.name)+"-password")
	if key == "" {
		key = im.keys.setting(r.docOf(r.global), r.global, "smtp_auth_password", "smtp-password")
	}
	to := repolayout.Receiver{Email: &repolayout.Email{To: text(n, "to"), From: from, SmartHost: host, Username: user, PasswordKey: key}}
	return &to, object(scalar("to"), scalar(text(n, "to")), scalar("from"), scalar(from), scalar("smarthost"), scalar(host))
}

func (im *importing) webhook(rec *receiver, n *yaml.Node) (*repolayout.Receiver, *yaml.Node) {
	im.settings(rec, n, "webhook_configs", true, "url", "url_file")
	if where := text(n, "url"); openURL(where) {
		return &repolayout.Receiver{Webhook: &repolayout.Webhook{URL: where}}, object(scalar("url"), scalar(where))
	}
	key := im.keys.setting(rec.doc, n, "url", "webhook-"+slug(rec.name)+"-url")
	if key == "" {
		im.note(Lost, rec.doc.at(n), "add it to the receiver in team.yaml", "receiver %q: webhook_configs without a url", rec.name)
		return nil, nil
	}
	return &repolayout.Receiver{Webhook: &repolayout.Webhook{URLKey: key}}, address("url_file", key, n)
}

// address is where an integration sends to: some of the original's own fields,
// and the secret by its key.
func address(file, key string, n *yaml.Node, fields ...string) *yaml.Node {
	out := object(scalar(file), scalar("/"+key))
	for _, name := range fields {
		if _, v := entry(n, name); v != nil {
			out.Content = append(out.Content, scalar(name), v)
		}
	}
	return out
}

// settings says which settings of an integration are not carried.
func (im *importing) settings(rec *receiver, n *yaml.Node, kind string, resolvedByDefault bool, carried ...string) {
	var left []string
	mapping(n, func(key, _ *yaml.Node) {
		if !slices.Contains(carried, key.Value) && key.Value != "send_resolved" {
			left = append(left, key.Value)
		}
	})
	if len(left) > 0 {
		slices.Sort(left)
		im.note(Lost, rec.doc.at(n), "what a message looks like can be said by templates in alertmanager/templates/", "receiver %q: %s: %s", rec.name, kind, strings.Join(left, ", "))
	}
	resolved := resolvedByDefault
	if v := text(n, "send_resolved"); v != "" {
		resolved = v == "true"
	}
	if !resolved {
		im.note(Changed, rec.doc.at(n), "", "receiver %q: %s: it is now told when an alert ends, too", rec.name, kind)
	}
}

var plainStep = regexp.MustCompile(`^[a-z][a-z._-]{0,15}[0-9]{0,2}$`)

// openURL says whether a URL may stand in the repo: one inside of the cluster,
// that holds nothing a person could not have made up.
func openURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	for _, step := range strings.Split(strings.Trim(path.Clean("/"+u.Path), "/"), "/") {
		if step != "" && !plainStep.MatchString(step) {
			return false
		}
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || ip.IsPrivate()
	}
	return host != "" && (!strings.Contains(host, ".") || strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local"))
}
