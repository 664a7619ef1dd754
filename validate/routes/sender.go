package routes

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sender is what Prometheus does to every alert before it sends it: the
// external labels that it adds, and the relabelling. A nil Sender does nothing.
type Sender struct {
	external map[string]Values
	steps    []step
}

// step is one relabelling of alerts.
type step struct {
	drop, keep *regexp.Regexp // of labels by name
	target     string         // a label that may have any value afterwards
}

// ParseSender reads what a prometheus.yml says of alerts that are sent. Values
// of external labels that Prometheus expands from its environment may be any.
func ParseSender(content []byte) (*Sender, error) {
	var file struct {
		Global struct {
			External map[string]string `yaml:"external_labels"`
		} `yaml:"global"`
		Alerting struct {
			Relabel []relabelling `yaml:"alert_relabel_configs"`
		} `yaml:"alerting"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("read Prometheus's configuration: %w", err)
	}
	s := &Sender{external: map[string]Values{}}
	for name, value := range file.Global.External {
		s.external[name] = externalValue(value)
	}
	for i, r := range file.Alerting.Relabel {
		step, err := r.step()
		if err != nil {
			return nil, fmt.Errorf("read alert_relabel_configs[%d]: %w", i, err)
		}
		s.steps = append(s.steps, step)
	}
	return s, nil
}

// externalValue reads a value in which $$ is a dollar, and any other dollar the
// beginning of a variable.
func externalValue(value string) Values {
	if strings.Contains(strings.ReplaceAll(value, "$$", ""), "$") {
		return Anything()
	}
	return OneOf(strings.ReplaceAll(value, "$$", "$"))
}

type relabelling struct {
	Action string  `yaml:"action"`
	Regex  *string `yaml:"regex"`
	Target string  `yaml:"target_label"`
}

func (r relabelling) step() (step, error) {
	switch action := strings.ToLower(r.Action); action {
	case "labeldrop", "labelkeep":
		expression := ".*" // Prometheus's default
		if r.Regex != nil {
			expression = *r.Regex
		}
		re, err := regexp.Compile("^(?s:" + expression + ")$")
		switch {
		case err != nil:
			return step{}, fmt.Errorf("parse the regular expression of %s: %w", action, err)
		case action == "labelkeep":
			return step{keep: re}, nil
		}
		return step{drop: re}, nil
	case "", "replace", "lowercase", "uppercase", "hashmod":
		if r.Target == "" || strings.Contains(r.Target, "$") {
			return step{}, fmt.Errorf("the target label %q is none that is known beforehand; where alerts go cannot be decided", r.Target)
		}
		return step{target: r.Target}, nil
	default:
		return step{}, fmt.Errorf("where alerts go cannot be decided after the action %q; use labeldrop, labelkeep or replace", r.Action)
	}
}

// Sent are the labels with which an alert goes out.
func (s *Sender) Sent(l Labels) Labels {
	out := Labels{named: map[string]Values{}, open: l.open}
	for _, name := range append(l.Names(), s.names()...) {
		out.named[name] = s.sent(name, l.Of(name))
	}
	return out
}

// sent is what of a label's values goes out.
func (s *Sender) sent(name string, v Values) Values {
	if s == nil {
		return v
	}
	if external, ok := s.external[name]; ok && v.Has("") {
		v = v.filter(func(value string) bool { return value != "" }).join(external)
	}
	for _, step := range s.steps {
		switch {
		case step.drop != nil && step.drop.MatchString(name), step.keep != nil && !step.keep.MatchString(name):
			v = Absent()
		case step.target == name:
			v = Anything()
		}
	}
	return v
}

// drops says that a label never goes out, whatever it is.
func (s *Sender) drops(name string) bool {
	v, ok := s.sent(name, Anything()).one()
	return ok && v == ""
}

// names are the labels that are treated by name.
func (s *Sender) names() []string {
	if s == nil {
		return nil
	}
	names := sortedKeys(s.external)
	for _, st := range s.steps {
		if st.target != "" {
			names = append(names, st.target)
		}
	}
	return names
}
