package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/kubernetes"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/reach"
)

// environmentStatus is what `watchbill status -o json` prints.
type environmentStatus struct {
	Namespace string           `json:"namespace"`
	Live      *history.Record  `json:"live,omitempty"`
	Replicas  []replicaStatus  `json:"replicas"`
	History   []history.Record `json:"history"`
}

// replicaStatus is what one replica says right now.
type replicaStatus struct {
	Pod       string `json:"pod"`
	Component string `json:"component"`
	// State is the agent's, or "unreachable".
	State string    `json:"state"`
	Live  string    `json:"live,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Error string    `json:"error,omitempty"`
}

const unreachable = "unreachable"

func newStatus(io streams) *cobra.Command {
	var cluster clusterFlags
	output, most := "table", 10
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is live with what, and what became of the last revisions",
		Long: `Ask every replica what it runs right now, and show the history of revisions with the
time that each stage took. Exit code 1 if a replica does not run what it should.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("output", output, "table", "json"); err != nil {
				return err
			}
			client, config, namespace, err := cluster.client()
			if err != nil {
				return err
			}
			way, err := reach.ThroughAPIServer(config, namespace)
			if err != nil {
				return err
			}
			s, err := readStatus(cmd.Context(), client, proof.Through(way), namespace)
			if err != nil {
				return err
			}
			if output == "json" {
				err = writeJSON(io.out, s)
			} else {
				err = s.print(io, most, time.Now())
			}
			if err == nil && !s.good() {
				return errFound
			}
			return err
		},
	}
	cluster.add(cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", output, "table or json")
	cmd.Flags().IntVar(&most, "history", most, "how many revisions the table shows")
	return cmd
}

func readStatus(ctx context.Context, client kubernetes.Interface, ask proof.Ask, namespace string) (*environmentStatus, error) {
	h, err := history.Load(ctx, client.CoreV1().ConfigMaps(namespace))
	if err != nil {
		return nil, err
	}
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: proof.Selector})
	if err != nil {
		return nil, fmt.Errorf("list the replicas: %w", err)
	}
	s := &environmentStatus{Namespace: namespace, Live: h.Live, History: h.Records, Replicas: make([]replicaStatus, len(pods.Items))}
	var asked sync.WaitGroup
	for i, pod := range pods.Items {
		replica := proof.Replica{Pod: pod.Name, Component: pod.Labels["app.kubernetes.io/name"], Address: pod.Status.PodIP}
		asked.Go(func() { s.Replicas[i] = askReplica(ctx, ask, replica) })
	}
	asked.Wait()
	slices.SortFunc(s.Replicas, func(a, b replicaStatus) int { return strings.Compare(a.Pod, b.Pod) })
	return s, nil
}

func askReplica(ctx context.Context, ask proof.Ask, replica proof.Replica) replicaStatus {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := ask(ctx, replica, 0, 0)
	if err != nil {
		return replicaStatus{Pod: replica.Pod, Component: replica.Component, State: unreachable, Error: err.Error()}
	}
	return replicaStatus{
		Pod: replica.Pod, Component: r.Component, State: string(r.State), Live: r.Live, Since: r.Since, Error: r.Error,
	}
}

// good says that every replica runs what its index wants.
func (s *environmentStatus) good() bool {
	for _, r := range s.Replicas {
		if r.State != string(agent.Live) {
			return false
		}
	}
	return s.Live != nil && len(s.Replicas) > 0
}

func (s *environmentStatus) print(io streams, most int, now time.Time) error {
	if s.Live == nil {
		fmt.Fprintf(io.out, "nothing has been live in namespace %s yet\n", s.Namespace)
	} else {
		fmt.Fprintf(io.out, "%.8s %q is live in namespace %s\n", s.Live.Revision, s.Live.Subject, s.Namespace)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nREPLICA\tSTATE\tBUNDLE\tFOR\tERROR")
	for _, r := range s.Replicas {
		fmt.Fprintf(w, "%s\t%s\t%.12s\t%s\t%s\n", r.Pod, r.State, r.Live, age(r.Since, now), r.Error)
	}
	if s.Live != nil && len(s.Live.Quarantined) > 0 {
		fmt.Fprintln(w, "\nQUARANTINED TEAM\tFILES OF\tREASON")
		for _, q := range s.Live.Quarantined {
			fmt.Fprintf(w, "%s\t%.8s\t%s\n", q.Team, q.Revision, q.Reason)
		}
	}
	fmt.Fprintln(w, "\nREVISION\tOUTCOME\tAGE\tTOOK\tSTAGES\tPROVEN\tREASON")
	for _, r := range s.History[:min(most, len(s.History))] {
		fmt.Fprintf(w, "%.8s\t%s\t%s\t%.1fs\t%s\t%s\t%s\n", r.Revision, r.Outcome, age(r.Ended, now),
			r.Ended.Sub(r.Seen).Seconds(), stages(r.Stages), provenBy(r.Proven), r.Reason)
	}
	return w.Flush()
}

func stages(list []history.Stage) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, fmt.Sprintf("%s %.2fs", s.Name, s.Seconds))
	}
	return strings.Join(parts, ", ")
}

func provenBy(by map[string]string) string {
	var parts []string
	for component, n := range by {
		parts = append(parts, component+" "+n)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func age(since, now time.Time) string {
	if since.IsZero() {
		return ""
	}
	return duration.HumanDuration(now.Sub(since))
}
