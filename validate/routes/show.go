package routes

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Show writes the tree as text, each route on a line with what it does
// differently from the one around it.
func (t *Tree) Show(w io.Writer) error {
	var b strings.Builder
	t.show(&b, t.root, "", "")
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Tree) show(b *strings.Builder, n *node, indent, branch string) {
	b.WriteString(indent + branch + n.name() + " → " + n.route.RouteOpts.Receiver)
	if to := t.receivers[n.route.RouteOpts.Receiver].Destinations; len(to) > 0 {
		b.WriteString(" (" + strings.Join(to, ", ") + ")")
	}
	for _, remark := range n.remarks() {
		b.WriteString("  " + remark)
	}
	b.WriteByte('\n')
	switch branch {
	case "├── ":
		indent += "│   "
	case "└── ":
		indent += "    "
	}
	for i, child := range n.children {
		branch := "├── "
		if i == len(n.children)-1 {
			branch = "└── "
		}
		t.show(b, child, indent, branch)
	}
}

// remarks are what a route does besides, as far as it is not inherited.
func (n *node) remarks() []string {
	o := n.route.RouteOpts
	var out []string
	if n.route.Continue {
		out = append(out, "continue")
	}
	add := func(name, value, inherited string) {
		if n.parent == nil || value != inherited {
			out = append(out, name+"="+value)
		}
	}
	var p = n.route.RouteOpts
	if n.parent != nil {
		p = n.parent.route.RouteOpts
	}
	add("group_by", "["+strings.Join(n.hit().GroupBy, " ")+"]", n.parentGroupBy())
	add("group_wait", duration(o.GroupWait), duration(p.GroupWait))
	add("group_interval", duration(o.GroupInterval), duration(p.GroupInterval))
	add("repeat_interval", duration(o.RepeatInterval), duration(p.RepeatInterval))
	if len(o.MuteTimeIntervals) > 0 {
		out = append(out, fmt.Sprintf("muted=%v", o.MuteTimeIntervals))
	}
	if len(o.ActiveTimeIntervals) > 0 {
		out = append(out, fmt.Sprintf("active=%v", o.ActiveTimeIntervals))
	}
	return out
}

func (n *node) parentGroupBy() string {
	if n.parent == nil {
		return ""
	}
	return "[" + strings.Join(n.parent.hit().GroupBy, " ") + "]"
}

func duration(d time.Duration) string { return model.Duration(d).String() }
