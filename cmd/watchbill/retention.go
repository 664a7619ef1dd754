package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
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

// parseRetention reads the section retention of an environment's file.
func parseRetention(text string, downsample bool) (retain.Policy, error) {
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

// environmentPolicy is what an environment says of its retention.
func environmentPolicy(env *repolayout.Environment) (retain.Policy, error) {
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

// retentionFlags choose a policy beside a bucket.
type retentionFlags struct {
	config     string
	downsample bool
}

func (r *retentionFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.config, "retention.config", "", "the section retention of an environment's file, as YAML")
	cmd.Flags().BoolVar(&r.downsample, "downsample", true, "compaction makes 5m and 1h blocks, so a block may be the only copy of what they should hold")
}

func newRetention(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retention",
		Short: "Look ahead at what retention deletes",
		Args:  cobra.NoArgs,
		RunE:  needsCommand,
	}
	cmd.AddCommand(newRetentionPlan(io))
	return cmd
}

func newRetentionPlan(io streams) *cobra.Command {
	var store storeFlags
	var retention retentionFlags
	output, all, at := "table", false, ""
	cmd := &cobra.Command{
		Use:   "plan [PATH]",
		Short: "Show block by block what would be deleted, and why",
		Long: `Show what the job retain would do to the bucket now: block by block what would be
marked or deleted and why, with its size and time range, and the totals. Nothing is
changed. Bucket and policy are those of --environment in the monitoring repo in PATH
(default: this folder), or of --objstore.config and --retention.config.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "table", "json"); err != nil {
				return err
			}
			now := time.Now()
			if at != "" {
				var err error
				if now, err = time.Parse(time.RFC3339, at); err != nil {
					return fmt.Errorf(`--at %q: write a time such as "2026-03-01T00:00:00Z"`, at)
				}
			}
			config, env, err := store.chosen(args)
			if err != nil {
				return err
			}
			policy, err := retention.policy(env)
			if err != nil {
				return err
			}
			inv, err := store.audit(cmd.Context(), config)
			if err != nil {
				return err
			}
			plan, err := retain.Make(policy, inv, now)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(io.out, plan)
			}
			return plan.Table(io.out, all)
		},
	}
	store.add(cmd)
	retention.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", output, "table or json")
	cmd.Flags().BoolVar(&all, "all", false, "show the blocks that are kept, too")
	cmd.Flags().StringVar(&at, "at", "", "plan as of another time, such as 2027-01-01T00:00:00Z")
	return cmd
}

func (r *retentionFlags) policy(env *repolayout.Environment) (retain.Policy, error) {
	switch {
	case r.config != "":
		return parseRetention(r.config, r.downsample)
	case env != nil:
		return environmentPolicy(env)
	}
	return retain.Policy{}, errors.New("no retention is named; give --retention.config, or --environment and the repo")
}
