package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// localFlags build a folder for one environment, without a cluster.
type localFlags struct {
	environment, agentImage, agentAccess string
}

func (l *localFlags) add(cmd *cobra.Command, agentImage string) {
	cmd.Flags().StringVarP(&l.environment, "environment", "e", "", "environment of the repo (required)")
	cmd.Flags().StringVar(&l.agentImage, "agent-image", agentImage, "image of Watchbill itself, for the agents")
	cmd.Flags().StringVar(&l.agentAccess, "agent-access", "direct", "how the daemon reaches the agents, direct or proxy: decides whom their network policy lets in")
}

// build builds the folder; if it is invalid, it prints the findings and says so.
func (l *localFlags) build(io streams, args []string) (*build.Result, error) {
	if err := oneOf("agent-access", l.agentAccess, "direct", "proxy"); err != nil {
		return nil, err
	}
	if l.environment == "" {
		return nil, fmt.Errorf("--environment is needed: the name of a file in environments/")
	}
	repo, err := openFolder(args)
	if err != nil {
		return nil, err
	}
	never := func(string) (*build.LastGood, error) { return nil, nil }
	opts := render.Options{AgentImage: l.agentImage, DaemonNamespace: l.namespaceOf(repo)}
	result, err := build.New(opts).Build(repo, l.environment, never)
	if err != nil {
		return nil, err
	}
	if errors := validate.Blocking(result.Findings); len(errors) > 0 {
		toErr := streams{io.in, io.err, io.err}
		if err := printFindings(toErr, "text", repo, errors); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the repo has errors and is not rendered")
	}
	return result, nil
}

// namespaceOf is where the environment, and with it the daemon, lives; empty
// for a daemon outside the cluster.
func (l *localFlags) namespaceOf(fsys fs.FS) string {
	if l.agentAccess == "proxy" {
		return ""
	}
	repo, _ := repolayout.NewLoader().Load(fsys)
	if env := repo.Environment(l.environment); env != nil {
		return env.Namespace
	}
	return ""
}

func newRender(io streams) *cobra.Command {
	var local localFlags
	var output, files string
	cmd := &cobra.Command{
		Use:   "render [PATH]",
		Short: "Print the Kubernetes objects of one environment",
		Long: `Print every object that the monitoring repo in PATH (default: this folder) makes in
one environment: workloads, chunks and indexes, as Watchbill applies them.
With --files, write the files that the components read instead.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("output", output, "yaml", "json"); err != nil {
				return err
			}
			result, err := local.build(io, args)
			if err != nil {
				return err
			}
			if files != "" {
				return writeBundles(files, result.Output.Bundles)
			}
			objects, err := allObjects(result)
			if err != nil {
				return err
			}
			return printObjects(io, output, objects)
		},
	}
	local.add(cmd, defaultImage)
	cmd.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	cmd.Flags().StringVar(&files, "files", "", "folder to write the bundles' files to, one folder for each component")
	return cmd
}

// allObjects are the workloads, the jobs as a tick makes them but for the tick
// in their names, then the chunks and the index of each bundle.
func allObjects(r *build.Result) ([]render.Object, error) {
	objects := append([]render.Object(nil), r.Output.Objects...)
	for _, j := range r.Output.Jobs {
		job := j.Template.DeepCopy()
		job.Name = "watchbill-" + j.Kind
		objects = append(objects, job)
	}
	for _, b := range r.Output.Bundles {
		for _, c := range b.Chunks {
			objects = append(objects, render.ChunkObject(r.Environment, b.Component, c))
		}
		index, err := render.IndexObject(r.Environment, bundle.Index{Component: b.Component, Wanted: b.Ref("")})
		if err != nil {
			return nil, err
		}
		objects = append(objects, index)
	}
	return objects, nil
}

func printObjects(io streams, output string, objects []render.Object) error {
	if output == "json" {
		list := map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}
		return writeJSON(io.out, list)
	}
	for _, o := range objects {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("write %s: %w", o.GetName(), err)
		}
		if _, err := fmt.Fprintf(io.out, "---\n%s", raw); err != nil {
			return err
		}
	}
	return nil
}

func writeBundles(dir string, bundles []bundle.Bundle) error {
	for _, b := range bundles {
		files, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			return err
		}
		for _, f := range files {
			path := filepath.Join(dir, b.Component, filepath.FromSlash(f.Path))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("write the files: %w", err)
			}
			if err := os.WriteFile(path, []byte(f.Content), fs.FileMode(0o644)); err != nil {
				return fmt.Errorf("write the files: %w", err)
			}
		}
	}
	return nil
}
