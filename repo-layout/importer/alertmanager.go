package importer

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/matcher/compat"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// routing is the Alertmanager configuration of the input: that of an
// alertmanager.yml, with those of AlertmanagerConfigs before its own routes, as
// the operator puts them.
type routing struct {
	main      *document
	root      *yaml.Node
	global    *yaml.Node
	origin    map[*yaml.Node]*document // of what comes from an AlertmanagerConfig
	tree      *dispatch.Route
	onCall    []*dispatch.Route
	receivers map[string]*receiver
	order     []*receiver
	mutes     map[string]*yaml.Node
}

func (r *routing) docOf(n *yaml.Node) *document {
	if d := r.origin[n]; d != nil {
		return d
	}
	return r.main
}

// initMatchers sets how Alertmanager's library reads matchers: as the program does without flags.
var initMatchers = sync.OnceFunc(func() {
	silent := slog.New(slog.DiscardHandler)
	if flags, err := featurecontrol.NewFlags(silent, ""); err == nil { // no features cannot be wrong ones
		compat.InitFromFlags(silent, flags)
	}
})

// readRouting reads who is told.
func (im *importing) readRouting() {
	if im.main == nil && len(im.configs) == 0 {
		return
	}
	r := &routing{main: im.main, origin: map[*yaml.Node]*document{}, receivers: map[string]*receiver{}, mutes: map[string]*yaml.Node{}}
	if r.main == nil {
		r.main = &document{file: im.configs[0].file, root: emptyRouting()}
	}
	r.root = without(r.main.root)
	im.addConfigs(r)
	r.global = field(r.root, "global")
	im.readReceivers(r)
	im.res.Alertmanager = r.redacted()
	c, err := loadConfig(im.res.Alertmanager)
	if err != nil {
		im.res.Alertmanager = nil
		im.note(Lost, repolayout.Pos{File: r.main.file}, "amtool check-config says more; until it is repaired only the rules are imported",
			"who is told was not read: Alertmanager does not take it: %s", scrub(err))
		return
	}
	r.tree = dispatch.NewRoute(c.Route, nil)
	for i, child := range c.Route.Routes {
		if len(child.Match)+len(child.MatchRE)+len(child.Matchers) == 0 && child.Continue {
			r.onCall = append(r.onCall, r.tree.Routes[i])
			if rec := r.receivers[r.tree.Routes[i].RouteOpts.Receiver]; rec != nil {
				rec.used = true
			}
		}
		if !child.Continue {
			break // what stands behind it does not see every alert
		}
	}
	for _, key := range []string{"mute_time_intervals", "time_intervals"} {
		for _, n := range items(r.root, key) {
			r.mutes[text(n, "name")] = n
		}
	}
	im.routing = r
	im.noteRoot(r)
	im.noteRoutes(r, field(r.root, "route"), 0)
}

// emptyRouting tells nobody of anything.
func emptyRouting() *yaml.Node {
	return object(
		scalar("route"), object(scalar("receiver"), scalar("null")),
		scalar("receivers"), list(object(scalar("name"), scalar("null"))),
	)
}

func loadConfig(content []byte) (c *config.Config, err error) {
	defer func() {
		if p := recover(); p != nil { // the library is not at its best with what the program does not know
			c, err = nil, fmt.Errorf("%v; look for an item of a list that is empty", p)
		}
	}()
	initMatchers()
	return config.Load(string(content))
}

// redacted is the configuration as far as it says whom an alert goes to.
func (r *routing) redacted() []byte {
	root := object()
	for _, key := range []string{"route", "inhibit_rules", "mute_time_intervals", "time_intervals"} {
		if k, v := entry(r.root, key); v != nil {
			root.Content = append(root.Content, k, v)
		}
	}
	receivers := list()
	for _, rec := range r.order {
		receivers.Content = append(receivers.Content, rec.address...)
	}
	set(root, "receivers", receivers)
	return encode(root)
}

// carriedGlobals are those that become part of the receivers.
var carriedGlobals = []string{
	"slack_api_url", "slack_api_url_file", "smtp_from", "smtp_smarthost", "smtp_auth_username", "smtp_auth_password", "smtp_auth_password_file", "pagerduty_url",
}

func (im *importing) noteRoot(r *routing) {
	mapping(r.global, func(key, value *yaml.Node) {
		usual := key.Value == "resolve_timeout" && value.Value == "5m" || key.Value == "smtp_require_tls" && value.Value == "true"
		if !usual && !slices.Contains(carriedGlobals, key.Value) {
			im.note(Lost, r.main.at(key), "", "global setting %s of Alertmanager", key.Value)
		}
	})
	mapping(r.root, func(key, _ *yaml.Node) {
		if !slices.Contains([]string{"global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates"}, key.Value) {
			im.note(Lost, r.main.at(key), "", "section %s of Alertmanager's configuration", key.Value)
		}
	})
}

// noteRoutes says what of each route the layout cannot say. That an alert has
// other receivers for it is seen by who compares.
func (im *importing) noteRoutes(r *routing, n *yaml.Node, depth int) {
	var others []string
	for _, m := range routeMatchers(n) {
		if m != im.TeamLabel && m != "severity" && (depth != 1 || r.origin[n] == nil || m != "namespace") {
			others = append(others, m)
		}
	}
	if len(others) > 0 {
		im.note(Lost, r.docOf(n).at(n), "give these alerts a team or a severity of their own",
			"the route to %q asks for %s; in the layout a route asks for team and severity alone", text(n, "receiver"), strings.Join(others, ", "))
	}
	if k, v := entry(n, "active_time_intervals"); v != nil {
		im.note(Lost, r.docOf(n).at(k), "write the times in which nobody is to be told as muteTimes", "the route to %q: active_time_intervals", text(n, "receiver"))
	}
	if k, v := entry(n, "labels"); v != nil {
		im.note(Lost, r.docOf(n).at(k), "", "the route to %q: labels", text(n, "receiver"))
	}
	if depth < maxNesting {
		for _, child := range items(n, "routes") {
			im.noteRoutes(r, child, depth+1)
		}
	}
}

// routeMatchers are the labels that a route asks for.
func routeMatchers(n *yaml.Node) []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, key := range []string{"match", "match_re"} {
		mapping(field(n, key), func(k, _ *yaml.Node) { add(k.Value) })
	}
	matchers := texts(n, "matchers")
	if one := text(n, "matchers"); one != "" {
		matchers = append(matchers, one)
	}
	for _, m := range matchers {
		parsed, err := compat.Matchers(m, "import")
		if err != nil {
			continue // the configuration was loaded with it
		}
		for _, one := range parsed {
			add(one.Name)
		}
	}
	return out
}
