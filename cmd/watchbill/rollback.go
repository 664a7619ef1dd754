package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/history"
)

func newRollback(io streams) *cobra.Command {
	var cluster clusterFlags
	var undo bool
	cmd := &cobra.Command{
		Use:   "rollback [REVISION]",
		Short: "Make an earlier revision live until the next commit",
		Long: `Ask the daemon to make an earlier revision live: REVISION (a commit of
"watchbill status", may be shortened), or the one that was live before.
The next commit on the branch ends the rollback; --undo ends it now.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, namespace, err := cluster.client()
			if err != nil {
				return err
			}
			maps := client.CoreV1().ConfigMaps(namespace)
			if undo {
				if err := reconcile.UndoRollback(cmd.Context(), maps); err != nil {
					return err
				}
				_, err = fmt.Fprintln(io.out, "rollback undone: the newest revision goes live again")
				return err
			}
			h, err := history.Load(cmd.Context(), maps)
			if err != nil {
				return err
			}
			request, err := chooseRollback(h, args)
			if err != nil {
				return err
			}
			if err := request.Request(cmd.Context(), maps, namespace); err != nil {
				return err
			}
			_, err = fmt.Fprintf(io.out, "rolling back from %.8s to %.8s; follow it with: watchbill status\n", request.From, request.To)
			return err
		},
	}
	cluster.add(cmd.Flags())
	cmd.Flags().BoolVar(&undo, "undo", false, "take the rollback back")
	return cmd
}

// chooseRollback finds the revision in the history: only what has been live is offered.
func chooseRollback(h history.History, args []string) (reconcile.Rollback, error) {
	if len(h.Records) == 0 {
		return reconcile.Rollback{}, fmt.Errorf("nothing has been live in this namespace yet; is it the right --namespace?")
	}
	from := h.Head
	var matches []history.Record
	for _, r := range h.Records {
		switch {
		case r.Revision == from || r.Outcome != history.Live:
		case len(args) == 0 || strings.HasPrefix(r.Revision, args[0]):
			matches = append(matches, r)
		}
	}
	switch {
	case len(matches) == 0 && len(args) == 0:
		return reconcile.Rollback{}, fmt.Errorf("no earlier revision has been live; see watchbill status")
	case len(matches) == 0:
		return reconcile.Rollback{}, fmt.Errorf("%s is not among the revisions that have been live; see watchbill status", args[0])
	case len(args) == 1 && len(matches) > 1:
		return reconcile.Rollback{}, fmt.Errorf("%s stands for %d revisions; write more of it", args[0], len(matches))
	}
	return reconcile.Rollback{From: from, To: matches[0].Revision}, nil
}
