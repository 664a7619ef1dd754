package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/repo-layout/importer"
	"github.com/watchbill/watchbill/validate"
)

type importFlags struct {
	out     string
	options importer.Options
}

func newImport(io streams) *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER... --out DIR",
		Short: "Make a monitoring repo of rule files, manifests and configurations",
		Long: `Make a monitoring repo of what there is: rule files, PrometheusRule and
AlertmanagerConfig manifests, an alertmanager.yml, a prometheus.yml and templates.
What a file is, is seen from what it holds. Files that a configuration names are
read too.

What could not be carried over is said with file and line. No secret is written:
the answer lists which key of which Kubernetes Secret gets the value from where.
The result is validated and compared with the input: every rule, and for every
alert who is told before and after, how it is grouped, how often it is told again
and when it is mute. Unit tests move with their rules.

Exit code 0 if all is carried over and the same, 1 if something is not, 2 on a fault.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if flags.out == "" {
				return fmt.Errorf("--out is missing; name a new folder")
			}
			return flags.run(io, args)
		},
	}
	cmd.Flags().StringVar(&flags.out, "out", "", "new `folder` to write the monitoring repo to")
	cmd.Flags().StringVar(&flags.options.Environment, "environment", "prod", "name of its environment")
	cmd.Flags().StringVar(&flags.options.Namespace, "namespace", "monitoring", "namespace of the environment")
	cmd.Flags().StringVar(&flags.options.TeamLabel, "team-label", "team", "label by which alerts and routes name their team")
	cmd.Flags().StringVar(&flags.options.Team, "team", "no-team", "team that gets what names none")
	return cmd
}

func (f *importFlags) run(io streams, args []string) (err error) {
	sources, missing, err := readSources(args)
	if err != nil {
		return err
	}
	result, err := importer.Import(sources, f.options)
	if err != nil {
		return err
	}
	result.Notes = append(result.Notes, missing...)
	draft, done, err := draftIn(f.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done(false)) }()
	if err := writeFiles(draft, result.Files); err != nil {
		return err
	}
	answer, err := compareImport(draft, f.options, result)
	if err != nil {
		return err
	}
	if err := done(true); err != nil {
		return err
	}
	if err := answer.print(io, f.out); err != nil {
		return err
	}
	if !answer.same() {
		return errFound
	}
	return nil
}

// draftIn makes a folder for a draft in one that is empty, or holds no more than
// .git, or is not there yet. Done moves the draft's content up, or takes
// everything away again; only its first call does something.
func draftIn(dir string) (draft string, done func(keep bool) error, err error) {
	_, statErr := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", nil, fmt.Errorf("make the folder to write to: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, fmt.Errorf("read the folder to write to: %w", err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			return "", nil, fmt.Errorf("write to %s: it is not empty, it holds %s; name a new folder", dir, e.Name())
		}
	}
	if draft, err = os.MkdirTemp(dir, ".watchbill-import-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for the draft: %w", err)
	}
	ended := false
	return draft, func(keep bool) error {
		if ended {
			return nil
		}
		ended = true
		defer os.RemoveAll(draft)
		if keep {
			return moveUp(draft, dir)
		}
		if os.IsNotExist(statErr) {
			os.RemoveAll(draft)
			os.Remove(dir)
		}
		return nil
	}, nil
}

func moveUp(draft, dir string) error {
	entries, err := os.ReadDir(draft)
	if err != nil {
		return fmt.Errorf("read the draft: %w", err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(draft, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("move the draft to its place: %w", err)
		}
	}
	return nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, content := range files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("write %q: it is outside of the folder", name)
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return fmt.Errorf("write the monitoring repo: %w", err)
		}
		if err := os.WriteFile(file, content, 0o666); err != nil {
			return fmt.Errorf("write the monitoring repo: %w", err)
		}
	}
	return nil
}

// compareImport validates the draft and holds it against what was read.
func compareImport(draft string, o importer.Options, result *importer.Result) (*importAnswer, error) {
	fsys, err := openFolder([]string{draft})
	if err != nil {
		return nil, err
	}
	builder := build.New(render.Options{})
	a := &importAnswer{result: result, options: o, findings: builder.Check(fsys)}
	repo, _ := repolayout.NewLoader().Load(fsys)
	a.repo = repo
	a.sameRules, a.rules = importer.CompareRules(result.Groups, repo)
	if len(validate.Blocking(a.findings)) > 0 && strings.HasPrefix(validate.Blocking(a.findings)[0].Check, "layout/") {
		a.unrouted = "the result has errors of layout"
		return a, nil
	}
	a.compareRoutes(build.NewRouter(builder), fsys)
	return a, nil
}
