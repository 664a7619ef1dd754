package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
)

// storeFlags choose a bucket: by Thanos's configuration, or by an environment of the repo.
type storeFlags struct {
	config, configFile, environment, cacheDir string
}

func (s *storeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	s.addConfig(cmd)
	flags.StringVarP(&s.environment, "environment", "e", "", "environment of the repo, in place of a configuration")
	flags.StringVar(&s.cacheDir, "cache-dir", "", "folder that remembers what was read of the bucket; default watchbill in the user's cache folder")
}

func (s *storeFlags) addConfig(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.config, "objstore.config", "", "object store, in Thanos's YAML; keys come by the environment or the pod's identity")
	cmd.Flags().StringVar(&s.configFile, "objstore.config-file", "", "file with the same")
}

// chosen is the bucket, and the environment if one was named.
func (s *storeFlags) chosen(args []string) (stores.Config, *repolayout.Environment, error) {
	switch {
	case s.config != "" && s.configFile != "" || s.environment != "" && s.config+s.configFile != "":
		return stores.Config{}, nil, errors.New("--objstore.config, --objstore.config-file and --environment each name a bucket; give one")
	case s.environment != "":
		env, err := openEnvironment(args, s.environment)
		if err != nil {
			return stores.Config{}, nil, err
		}
		config, err := environmentStore(env)
		return config, env, err
	case len(args) > 0:
		return stores.Config{}, nil, errors.New("--environment is needed with a repo: the name of a file in environments/")
	case s.configFile != "":
		text, err := os.ReadFile(s.configFile)
		if err != nil {
			return stores.Config{}, nil, fmt.Errorf("--objstore.config-file: %w", err)
		}
		config, err := stores.ParseConfig(text)
		return config, nil, err
	case s.config != "":
		config, err := stores.ParseConfig([]byte(s.config))
		return config, nil, err
	}
	return stores.Config{}, nil, errors.New("no bucket is named; give --objstore.config, --objstore.config-file, or --environment and the repo")
}

// openEnvironment reads one environment of a repo that need not be valid elsewhere.
func openEnvironment(args []string, name string) (*repolayout.Environment, error) {
	fsys, err := openFolder(args)
	if err != nil {
		return nil, err
	}
	repo, problems := repolayout.NewLoader().Load(fsys)
	file := "environments/" + name + ".yaml"
	for _, p := range problems {
		if p.File == file && !p.Warning {
			return nil, fmt.Errorf("%s:%d: %s; see watchbill validate", p.File, p.Line, p.Message)
		}
	}
	env := repo.Environment(name)
	if env == nil {
		return nil, fmt.Errorf("there is no %s in the repo", file)
	}
	return env, nil
}

// environmentStore is the bucket of an environment, as render tells Thanos of it.
func environmentStore(env *repolayout.Environment) (stores.Config, error) {
	o := env.ObjectStore
	if o == nil {
		return stores.Config{}, fmt.Errorf("environment %s has no objectStore", env.Name)
	}
	host, insecure := strings.CutPrefix(o.Endpoint, "http://")
	host = strings.Trim(strings.TrimPrefix(host, "https://"), "/")
	if host == "" {
		host = "s3." + cmp.Or(o.Region, "us-east-1") + ".amazonaws.com"
		if strings.HasPrefix(o.Region, "cn-") {
			host += ".cn"
		}
	}
	c := stores.Config{Bucket: o.Bucket, Prefix: o.Prefix, Endpoint: host, Region: o.Region, Insecure: insecure, Lookup: stores.LookupAuto}
	if o.PathStyle {
		c.Lookup = stores.LookupPath
	}
	if o.Encryption != nil {
		c.Encryption = stores.Encryption{Type: o.Encryption.Type, KMSKey: o.Encryption.KMSKey}
	}
	return c, nil
}

// audit takes in the bucket, with what is remembered of it.
func (s *storeFlags) audit(ctx context.Context, config stores.Config) (*audit.Inventory, error) {
	bucket, err := stores.Open(ctx, config, stores.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	file, err := s.cacheFile(config)
	if err != nil {
		return nil, err
	}
	inv, err := audit.Run(ctx, bucket, audit.Options{Cache: file})
	if err != nil {
		return nil, withHint(err)
	}
	return inv, nil
}

// cacheFile is another one for each bucket.
func (s *storeFlags) cacheFile(c stores.Config) (string, error) {
	dir := s.cacheDir
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", nil //nolint:nilerr // without a home there is nothing to remember it in
		}
		dir = filepath.Join(user, "watchbill")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w; give --cache-dir", err)
	}
	name := sha256.Sum256([]byte(c.Endpoint + "\x00" + c.Bucket + "\x00" + c.Prefix))
	return filepath.Join(dir, fmt.Sprintf("bucket-%x", name[:8])), nil
}

// withHint says what to do about an error of the object store.
func withHint(err error) error {
	switch {
	case errors.Is(err, stores.ErrDenied):
		return fmt.Errorf("%w; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to keys that may list and read the bucket", err)
	case errors.Is(err, stores.ErrNoBucket):
		return fmt.Errorf("%w; is its name right, and the endpoint?", err)
	}
	return err
}

func newStore(io streams) *cobra.Command {
	var store storeFlags
	output, group := "table", "environment"
	cmd := &cobra.Command{
		Use:   "store [PATH]",
		Short: "Show what is in the bucket",
		Long: `Show what is in a bucket of blocks: by environment and resolution the blocks, their
size, the time that they cover, gaps and overlaps, how far each Prometheus is
behind, what is marked for deletion, what is not whole, and how much compaction
still has to do. The bucket is that of --objstore.config, as Thanos takes it, or of
--environment in the monitoring repo in PATH (default: this folder).`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "table", "json"); err != nil {
				return err
			}
			config, _, err := store.chosen(args)
			if err != nil {
				return err
			}
			inv, err := store.audit(cmd.Context(), config)
			if err != nil {
				return err
			}
			summary := audit.Summarize(inv, group)
			if output == "json" {
				return writeJSON(io.out, summary)
			}
			return summary.Table(io.out)
		},
	}
	store.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", output, "table or json")
	cmd.Flags().StringVar(&group, "group-by", group, "external label that the blocks are grouped by")
	return cmd
}
