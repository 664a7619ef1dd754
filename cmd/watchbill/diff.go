package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/watchbill/watchbill/reconcile/apply"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render/bundle"
)

func newDiff(io streams) *cobra.Command {
	var local localFlags
	var cluster clusterFlags
	cmd := &cobra.Command{
		Use:   "diff [PATH]",
		Short: "Show what a folder would change in the cluster",
		Long: `Compare the monitoring repo in PATH (default: this folder) with what is in the
cluster: the files that the components read, and the Kubernetes objects as a
server-side dry run would leave them.
Exit code 0 if nothing would change, 1 if something would, 2 on a fault.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, config, namespace, err := cluster.client()
			if err != nil {
				return err
			}
			if local.agentImage == "" {
				if local.agentImage, err = liveAgentImage(cmd.Context(), client, namespace); err != nil {
					return err
				}
			}
			result, err := local.build(io, args)
			if err != nil {
				return err
			}
			if want := result.Environment.Namespace; want != namespace {
				return fmt.Errorf("environment %s is for namespace %s, not %s; give --namespace %s", local.environment, want, namespace, want)
			}
			files, err := diffBundles(cmd.Context(), client.CoreV1().ConfigMaps(namespace), result)
			if err != nil {
				return err
			}
			objects, err := apply.Diff(cmd.Context(), config, result.Output.Objects)
			if err != nil {
				return err
			}
			if files+objects == "" {
				return nil
			}
			fmt.Fprint(io.out, files, objects)
			return errFound
		},
	}
	local.add(cmd, "")
	cluster.add(cmd.Flags())
	return cmd
}

// liveAgentImage is the image that the agents run now: the daemon knows its own
// image, a folder does not, and that is no difference to show.
func liveAgentImage(ctx context.Context, client kubernetes.Interface, namespace string) (string, error) {
	set, err := client.AppsV1().StatefulSets(namespace).Get(ctx, bundle.Prometheus, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return defaultImage, nil
	}
	if err != nil {
		return "", fmt.Errorf("find the image of the agents: %w", err)
	}
	for _, c := range set.Spec.Template.Spec.InitContainers {
		if c.Name == "agent" {
			return c.Image, nil
		}
	}
	return defaultImage, nil
}

// diffBundles compares each component's files with those that its index wants now.
func diffBundles(ctx context.Context, maps typedcorev1.ConfigMapInterface, r *build.Result) (string, error) {
	var out strings.Builder
	for _, b := range r.Output.Bundles {
		before, err := wantedFiles(ctx, maps, b.Component)
		if err != nil {
			return "", err
		}
		after, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			return "", err
		}
		text, err := diffFiles(b.Component, before, byPath(after))
		if err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// wantedFiles puts together the bundle that a component's index wants; none if there is no index.
func wantedFiles(ctx context.Context, maps typedcorev1.ConfigMapInterface, component string) (map[string]string, error) {
	cm, err := maps.Get(ctx, bundle.IndexName(component), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the index of %s: %w", component, err)
	}
	index, err := bundle.ParseIndex(cm.Data)
	if err != nil {
		return nil, err
	}
	var chunks []*bundle.Chunk
	for _, digest := range index.Wanted.Chunks {
		cm, err := maps.Get(ctx, bundle.Name(component, digest), metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read a chunk of %s: %w", component, err)
		}
		chunks = append(chunks, &bundle.Chunk{Digest: digest, Data: cm.Data})
	}
	files, err := bundle.Assemble(index.Wanted, chunks)
	return byPath(files), err
}

func byPath(files []bundle.File) map[string]string {
	m := make(map[string]string, len(files))
	for _, f := range files {
		m[f.Path] = f.Content
	}
	return m
}

func diffFiles(component string, before, after map[string]string) (string, error) {
	paths := slices.Collect(maps.Keys(before))
	paths = slices.AppendSeq(paths, maps.Keys(after))
	slices.Sort(paths)
	var out strings.Builder
	for _, path := range slices.Compact(paths) {
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: lines(before[path]), FromFile: "live/" + component + "/" + path,
			B: lines(after[path]), ToFile: "repo/" + component + "/" + path,
			Context: 3,
		})
		if err != nil {
			return "", fmt.Errorf("compare %s: %w", path, err)
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return difflib.SplitLines(text)
}
