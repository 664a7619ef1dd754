package routes

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// What a configuration may hold, so that no file makes a check run away.
const (
	maxConfigBytes = 64 << 20
	maxRoutes      = 50_000
	maxDepth       = 200
	maxMatchers    = 200_000
)

// InitMatchers sets how Alertmanager's library reads matchers: as the program
// does without flags. It is a global of the library, and so set once; whoever
// else reads Alertmanager's configuration in this process should call it too.
var InitMatchers = sync.OnceFunc(func() {
	silent := slog.New(slog.DiscardHandler)
	flags, err := featurecontrol.NewFlags(silent, "")
	if err == nil { // no features cannot be wrong ones
		compat.InitFromFlags(silent, flags)
	}
})

// Tree is the route tree of one Alertmanager configuration, with its receivers
// and inhibition rules.
type Tree struct {
	dispatcher *dispatch.Route
	root       *node
	nodes      []*node // in the order of the file
	byRoute    map[*dispatch.Route]*node
	receivers  map[string]Receiver
	names      []string // of receivers, in the order of the file
	inhibitors []*inhibitor
	intervals  func() map[string][]string // written out, by name

	labels  []*partition
	numbers map[string]int // of labels

	memory memory
}

// node is a route, compiled.
type node struct {
	route    *dispatch.Route
	parent   *node
	children []*node
	tests    []test
	id       int
	nth      int // among its siblings
}

// test is a matcher: of which label, and which of its atoms pass.
type test struct {
	label   int
	passing atoms
	matcher *labels.Matcher
}

// Load reads an alertmanager.yml as Alertmanager does.
func Load(content []byte) (*Tree, error) {
	c, err := read(content)
	if err == nil {
		err = bounded(c)
	}
	if err != nil {
		return nil, fmt.Errorf("read Alertmanager's configuration: %w", err)
	}
	t := &Tree{dispatcher: dispatch.NewRoute(c.Route, nil), numbers: map[string]int{}, byRoute: map[*dispatch.Route]*node{}}
	t.intervals = sync.OnceValue(func() map[string][]string { return intervalsOf(c) })
	if err := t.compile(c); err != nil {
		return nil, fmt.Errorf("read Alertmanager's configuration: %w", err)
	}
	t.receivers, t.names, err = readReceivers(content)
	if err != nil {
		return nil, fmt.Errorf("read the receivers: %w", err)
	}
	return t, nil
}

func read(content []byte) (c *config.Config, err error) {
	defer func() {
		if r := recover(); r != nil { // the library is not at its best with what the program does not know
			c, err = nil, fmt.Errorf("%v; look for an item of a list that is empty", r)
		}
	}()
	if len(content) > maxConfigBytes {
		return nil, fmt.Errorf("it has %d bytes, more than %d; split it", len(content), maxConfigBytes)
	}
	InitMatchers()
	return config.Load(string(content))
}

func bounded(c *config.Config) error {
	routes, matchers := 0, 0
	var count func(r *config.Route, depth int) error
	count = func(r *config.Route, depth int) error {
		routes++
		matchers += len(r.Match) + len(r.MatchRE) + len(r.Matchers)
		if routes > maxRoutes || depth > maxDepth || matchers > maxMatchers {
			return fmt.Errorf("it has more than %d routes, %d of them in each other, or %d matchers; split it", maxRoutes, maxDepth, maxMatchers)
		}
		for _, child := range r.Routes {
			if err := count(child, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return count(c.Route, 1)
}

// compile parts the labels by all matchers of the tree, and then says each
// matcher by the atoms that pass.
func (t *Tree) compile(c *config.Config) error {
	rules := inhibitRules(c)
	byLabel := map[string]map[string]*labels.Matcher{}
	note := func(matchers labels.Matchers) {
		for _, m := range matchers {
			if byLabel[m.Name] == nil {
				byLabel[m.Name] = map[string]*labels.Matcher{}
			}
			p := positive(m)
			byLabel[m.Name][p.String()] = p
		}
	}
	t.dispatcher.Walk(func(r *dispatch.Route) { note(r.Matchers) })
	for _, r := range rules {
		note(r.SourceMatchers)
		note(r.TargetMatchers)
	}
	for _, name := range slices.Sorted(maps.Keys(byLabel)) {
		var matchers []*labels.Matcher
		for _, key := range slices.Sorted(maps.Keys(byLabel[name])) {
			matchers = append(matchers, byLabel[name][key])
		}
		t.numbers[name] = len(t.labels)
		p, err := newPartition(name, matchers)
		if err != nil {
			return err
		}
		t.labels = append(t.labels, p)
	}
	passing := map[string]atoms{} // of matchers that stand in many routes
	t.root = t.node(t.dispatcher, nil, passing)
	for _, r := range rules {
		t.inhibitors = append(t.inhibitors, t.inhibitor(r, passing))
	}
	return nil
}

// positive is the matcher that a negative one negates.
func positive(m *labels.Matcher) *labels.Matcher {
	kind := map[labels.MatchType]labels.MatchType{labels.MatchNotEqual: labels.MatchEqual, labels.MatchNotRegexp: labels.MatchRegexp}
	if to, negative := kind[m.Type]; negative {
		if p, err := labels.NewMatcher(to, m.Name, m.Value); err == nil {
			return p
		}
	}
	return m
}

func (t *Tree) node(r *dispatch.Route, parent *node, passing map[string]atoms) *node {
	n := &node{route: r, parent: parent, id: len(t.nodes), tests: t.tests(r.Matchers, passing)}
	t.nodes = append(t.nodes, n)
	t.byRoute[r] = n
	for i, child := range r.Routes {
		n.children = append(n.children, t.node(child, n, passing))
		n.children[i].nth = i
	}
	return n
}

func (t *Tree) tests(matchers labels.Matchers, passing map[string]atoms) []test {
	out := make([]test, 0, len(matchers))
	for _, m := range matchers {
		label, key := t.numbers[m.Name], m.String()
		if passing[key] == nil {
			passing[key] = t.labels[label].passing(m)
		}
		out = append(out, test{label: label, passing: passing[key], matcher: m})
	}
	return out
}
