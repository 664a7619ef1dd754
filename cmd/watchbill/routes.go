package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/validate/routes"
)

func newRoutes(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "Say who is told of alerts",
		Long: `Say where the alerts of a monitoring repo go. The answers come from the Alertmanager
configuration that is rendered for an environment, and from Alertmanager's own code.`,
	}
	cmd.AddCommand(newRoutesShow(io), newRoutesTest(io), newRoutesDiff(io))
	return cmd
}

func environmentFlag(cmd *cobra.Command, environment *string) {
	cmd.Flags().StringVarP(environment, "environment", "e", "", "environment of the repo (default: each of them)")
}

func newRoutesShow(io streams) *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use:   "show [PATH]",
		Short: "Print the tree of routes",
		Long: `Print the tree of routes that the monitoring repo in PATH (default: this folder)
makes: the labels that each route takes, its receiver, and where that sends to.
Environments that have the same tree are printed as one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := openRouting(io, args, environment)
			if err != nil {
				return err
			}
			return printEach(io.out, all, func(r *build.Routing, w *strings.Builder) error { return r.Tree.Show(w) })
		},
	}
	environmentFlag(cmd, &environment)
	return cmd
}

func newRoutesTest(io streams) *cobra.Command {
	var environment string
	output := "text"
	cmd := &cobra.Command{
		Use:   "test [PATH] LABEL=VALUE...",
		Short: "Say who is told of an alert with these labels",
		Long: `Say which receivers are told of an alert that has these labels, and by which routes.
A label that is not given may have any value; LABEL= says that there is none. The
environment's external labels are added as Prometheus adds them.

  watchbill routes test team=payments severity=critical`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("output", output, "text", "json"); err != nil {
				return err
			}
			path, alert, err := alertOf(args)
			if err != nil {
				return err
			}
			all, err := openRouting(io, path, environment)
			if err != nil {
				return err
			}
			if output == "json" {
				return decisionsJSON(io.out, all, alert)
			}
			return printEach(io.out, all, func(r *build.Routing, w *strings.Builder) error {
				return r.Tree.WriteDecision(w, r.Tree.Decide(r.Sender.Sent(alert)))
			})
		},
	}
	environmentFlag(cmd, &environment)
	cmd.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return cmd
}

// alertOf reads an alert's labels; the one argument without a = is the path.
func alertOf(args []string) (path []string, alert routes.Labels, err error) {
	alert = routes.Unknown()
	given := false
	for i, arg := range args {
		name, value, isLabel := strings.Cut(arg, "=")
		switch {
		case isLabel && name != "":
			alert, given = alert.With(name, routes.OneOf(value)), true
		case i == 0 && !isLabel:
			path = args[:1]
		default:
			return nil, alert, fmt.Errorf("%q is no label; write LABEL=VALUE, such as team=payments", arg)
		}
	}
	if !given {
		return nil, alert, fmt.Errorf("no label is given; write LABEL=VALUE, such as team=payments")
	}
	return path, alert, nil
}

// environmentDecision is who is told in one environment.
type environmentDecision struct {
	Environment string `json:"environment"`
	routes.Decision
}

func decisionsJSON(w io.Writer, all []*build.Routing, alert routes.Labels) error {
	out := make([]environmentDecision, 0, len(all))
	for _, r := range all {
		out = append(out, environmentDecision{r.Environment, r.Tree.Decide(r.Sender.Sent(alert))})
	}
	return writeJSON(w, out)
}

// printEach writes what is said of each environment, once for those of which it is the same.
func printEach(w io.Writer, all []*build.Routing, say func(*build.Routing, *strings.Builder) error) error {
	var texts []string
	names := map[string][]string{}
	for _, r := range all {
		var b strings.Builder
		if err := say(r, &b); err != nil {
			return err
		}
		text := b.String()
		if names[text] == nil {
			texts = append(texts, text)
		}
		names[text] = append(names[text], r.Environment)
	}
	for i, text := range texts {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if _, err := fmt.Fprintf(w, "%s:\n%s", strings.Join(names[text], ", "), text); err != nil {
			return err
		}
	}
	return nil
}
