package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/build"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/stores/retain"
)

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
		return build.ParseRetention(r.config, r.downsample)
	case env != nil:
		return build.Retention(env)
	}
	return retain.Policy{}, errors.New("no retention is named; give --retention.config, or --environment and the repo")
}
