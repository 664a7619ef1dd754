package build

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/stores/retain"
)

// policyOf is the retention of an environment's file, as retain knows it.
func policyOf(r repolayout.Retention, downsample bool) (retain.Policy, error) {
	p := retain.Policy{Downsample: downsample}
	var err error
	if p.Default, err = agesOf(r.Ages); err != nil {
		return p, err
	}
	if p.DeleteDelay, err = durationOf(r.DeleteDelay); err != nil {
		return p, fmt.Errorf("deleteDelay: %w", err)
	}
	if r.MaxBytes != "" {
		q, err := resource.ParseQuantity(r.MaxBytes)
		if err != nil || q.Sign() <= 0 {
			return p, fmt.Errorf(`maxBytes: %q is not a quantity such as "500Gi"`, r.MaxBytes)
		}
		p.MaxBytes = q.Value()
	}
	for i, rule := range r.Rules {
		matchers, err := retain.ParseSelector(rule.Selector)
		if err != nil {
			return p, fmt.Errorf("rules[%d]: %w", i, err)
		}
		ages, err := agesOf(rule.Ages)
		if err != nil {
			return p, fmt.Errorf("rules[%d]: %w", i, err)
		}
		p.Rules = append(p.Rules, retain.Rule{Matchers: matchers, Ages: ages})
	}
	return p, errors.Join(p.Check()...)
}

func agesOf(a repolayout.Ages) (retain.Ages, error) {
	var out retain.Ages
	for _, f := range []struct {
		name string
		from repolayout.Duration
		to   *time.Duration
	}{{"raw", a.Raw, &out.Raw}, {"5m", a.FiveMinutes, &out.FiveMinutes}, {"1h", a.OneHour, &out.OneHour}} {
		d, err := durationOf(f.from)
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.to = d
	}
	return out, nil
}

func durationOf(d repolayout.Duration) (time.Duration, error) {
	if d == "" {
		return 0, nil
	}
	parsed, err := model.ParseDuration(string(d))
	return time.Duration(parsed), err
}

// ParseRetention reads the section retention of an environment's file.
func ParseRetention(text string, downsample bool) (retain.Policy, error) {
	r := repolayout.DefaultEnvironment().Retention
	if err := yaml.UnmarshalStrict([]byte(text), &r); err != nil {
		return retain.Policy{}, fmt.Errorf("retention: %w", err)
	}
	p, err := policyOf(r, downsample)
	if err != nil {
		return p, fmt.Errorf("retention: %w", err)
	}
	return p, nil
}

// Retention is what an environment says of its retention.
func Retention(env *repolayout.Environment) (retain.Policy, error) {
	r, defaults := env.Retention, repolayout.DefaultEnvironment()
	if r.DeleteDelay == "" {
		r.DeleteDelay = defaults.Retention.DeleteDelay
	}
	downsample := defaults.Compact.Downsample
	if env.Compact.Downsample != nil {
		downsample = env.Compact.Downsample
	}
	p, err := policyOf(r, *downsample)
	if err != nil {
		return p, fmt.Errorf("environment %s: retention: %w", env.Name, err)
	}
	return p, nil
}
