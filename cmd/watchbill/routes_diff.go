package main

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/validate/routes"
)

func newRoutesDiff(io streams) *cobra.Command {
	var environment string
	path, output := ".", "table"
	cmd := &cobra.Command{
		Use:   "diff BASE [HEAD]",
		Short: "Say of which alerts others are told than before",
		Long: `Compare two revisions of the git repository that the monitoring repo is in: for each
alert of each environment, who is told before and after. Without HEAD, BASE is
compared with the files as they are now.
Exit code 0 if all are told as before, 1 if anything differs, 2 on a fault.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "table", "json", "markdown"); err != nil {
				return err
			}
			difference, err := diffRoutes(cmd.Context(), io, path, environment, args)
			if err != nil {
				return err
			}
			if err := writeDifference(io, output, difference); err != nil {
				return err
			}
			if len(difference.Changes) > 0 {
				return errFound
			}
			return nil
		},
	}
	environmentFlag(cmd, &environment)
	cmd.Flags().StringVar(&path, "path", path, "folder of the monitoring repo")
	cmd.Flags().StringVarP(&output, "output", "o", output, "table, json or markdown")
	return cmd
}

func writeDifference(io streams, output string, d routes.Difference) error {
	switch output {
	case "json":
		return writeJSON(io.out, d)
	case "markdown":
		return d.Markdown(io.out)
	}
	return d.Table(io.out)
}

// diffRoutes compares the first of the revisions with the second, or with the folder.
func diffRoutes(ctx context.Context, io streams, path, environment string, revisions []string) (routes.Difference, error) {
	folder, err := openRepository(ctx, path)
	if err != nil {
		return routes.Difference{}, err
	}
	router := newRouter()
	var outcomes [2][]routes.AlertOutcome
	known := false
	for i := range outcomes {
		name, fsys := "the folder "+path, fs.FS(identified(folder.now, nil))
		if i < len(revisions) {
			name = "revision " + revisions[i]
			if fsys, err = folder.at(ctx, revisions[i]); err != nil {
				return routes.Difference{}, err
			}
		}
		repo, err := loadRouted(io, router, fsys)
		if err != nil {
			return routes.Difference{}, fmt.Errorf("%s: %w", name, err)
		}
		if environment != "" && repo.Environment(environment) == nil {
			continue // it may be new, or gone
		}
		known = true
		all, err := router.Routing(repo, environment)
		if err != nil {
			return routes.Difference{}, fmt.Errorf("%s: %w", name, err)
		}
		outcomes[i] = router.Outcomes(all...)
	}
	if !known {
		return routes.Difference{}, fmt.Errorf("environment %q is in neither revision", environment)
	}
	return routes.Diff(outcomes[0], outcomes[1]), nil
}
