package grafana

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// provider is one place that dashboards come from, as Grafana's documentation describes it.
type provider struct {
	Name                  string          `yaml:"name"`
	OrgID                 int             `yaml:"orgId"`
	Type                  string          `yaml:"type"`
	Folder                string          `yaml:"folder"`
	FolderUID             string          `yaml:"folderUid"`
	DisableDeletion       bool            `yaml:"disableDeletion"`
	Editable              bool            `yaml:"editable"`
	AllowUIUpdates        bool            `yaml:"allowUiUpdates"`
	UpdateIntervalSeconds int             `yaml:"updateIntervalSeconds"`
	Options               providerOptions `yaml:"options"`
}

type providerOptions struct {
	Path                      string `yaml:"path"`
	FoldersFromFilesStructure bool   `yaml:"foldersFromFilesStructure"`
}

// source is a data source; what its plugin makes of jsonData is not looked at.
type source struct {
	Name            string         `yaml:"name" json:"name"`
	UID             string         `yaml:"uid" json:"uid"`
	Type            string         `yaml:"type" json:"type"`
	Access          string         `yaml:"access" json:"access"`
	OrgID           int            `yaml:"orgId" json:"orgId"`
	URL             string         `yaml:"url" json:"url"`
	User            string         `yaml:"user" json:"user"`
	Database        string         `yaml:"database" json:"database"`
	BasicAuth       bool           `yaml:"basicAuth" json:"basicAuth"`
	BasicAuthUser   string         `yaml:"basicAuthUser" json:"-"`
	WithCredentials bool           `yaml:"withCredentials" json:"-"`
	IsDefault       bool           `yaml:"isDefault" json:"isDefault"`
	JSONData        map[string]any `yaml:"jsonData" json:"jsonData"`
	SecureJSONData  map[string]any `yaml:"secureJsonData" json:"-"`
	Version         int            `yaml:"version" json:"-"`
	Editable        bool           `yaml:"editable" json:"-"`
	ID              int            `yaml:"-" json:"id"`
	ReadOnly        bool           `yaml:"-" json:"readOnly"`
}

func readProviders(dir string, env func(string) string) ([]provider, error) {
	var all []provider
	err := eachFile(dir, env, func(decode func(any) error) error {
		var file struct {
			APIVersion int        `yaml:"apiVersion"`
			Providers  []provider `yaml:"providers"`
		}
		if err := decode(&file); err != nil {
			return err
		}
		if file.APIVersion != 1 {
			return fmt.Errorf("apiVersion is %d and not 1", file.APIVersion)
		}
		for i := range file.Providers {
			if err := file.Providers[i].complete(); err != nil {
				return err
			}
		}
		all = append(all, file.Providers...)
		return nil
	})
	return all, err
}

func (p *provider) complete() error {
	if p.OrgID == 0 {
		p.OrgID = 1
	}
	if p.Type == "" {
		p.Type = "file"
	}
	if p.UpdateIntervalSeconds == 0 {
		p.UpdateIntervalSeconds = 10
	}
	switch {
	case p.OrgID != 1:
		return fmt.Errorf("provider %q: there is no organization %d", p.Name, p.OrgID)
	case p.Type != "file":
		return fmt.Errorf("provider %q: type %s is not supported", p.Name, p.Type)
	case p.UpdateIntervalSeconds < 0:
		return fmt.Errorf("provider %q: updateIntervalSeconds is negative", p.Name)
	case p.Options.Path == "":
		return fmt.Errorf("provider %q: options.path is missing", p.Name)
	case p.Options.FoldersFromFilesStructure && p.Folder != "" && p.FolderUID != "":
		return fmt.Errorf("provider %q: folder and folderUid should be empty beside foldersFromFilesStructure", p.Name)
	}
	return nil
}

func readSources(dir string, env func(string) string) ([]source, error) {
	var all []source
	err := eachFile(dir, env, func(decode func(any) error) error {
		var file struct {
			APIVersion  int        `yaml:"apiVersion"`
			Prune       bool       `yaml:"prune"`
			Delete      []struct{} `yaml:"deleteDatasources"`
			Datasources []source   `yaml:"datasources"`
		}
		if err := decode(&file); err != nil {
			return err
		}
		if file.APIVersion != 1 {
			return fmt.Errorf("apiVersion is %d and not 1", file.APIVersion)
		}
		all = append(all, file.Datasources...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, completeSources(all)
}

func completeSources(all []source) error {
	names, preset := map[string]bool{}, ""
	for i := range all {
		d := &all[i]
		if d.Name == "" || d.Type == "" {
			return fmt.Errorf("data source %d (%q): name or type is missing", i+1, d.Name)
		}
		if names[d.Name] {
			return fmt.Errorf("data source %q stands twice", d.Name)
		}
		names[d.Name] = true
		if d.IsDefault {
			if preset != "" {
				return fmt.Errorf("data sources %q and %q are both the default one", preset, d.Name)
			}
			preset = d.Name
		}
		if d.OrgID == 0 {
			d.OrgID = 1
		}
		if d.Access == "" {
			d.Access = "proxy"
		}
		if d.UID == "" {
			d.UID = uidOf(d.Name)
		}
		d.ID, d.ReadOnly = i+1, !d.Editable
	}
	return nil
}

// eachFile reads the YAML files of a folder in the order of their names. No folder is an empty one.
func eachFile(dir string, env func(string) string, read func(decode func(any) error) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read provisioning files: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".yaml") && !strings.HasSuffix(e.Name(), ".yml") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read provisioning files: %w", err)
		}
		err = read(func(into any) error { return decode(text, env, into) })
		if err != nil {
			return fmt.Errorf("parse provisioning file %s: %w", path, err)
		}
	}
	return nil
}

// decode reads YAML whose values may name variables of the environment.
func decode(text []byte, env func(string) string, into any) error {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return err
	}
	expand(&document, env)
	expanded, err := yaml.Marshal(&document)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(expanded)) // a node alone cannot be decoded strictly
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// expand replaces $NAME and ${NAME} in values, not in keys, and $$ by $.
func expand(n *yaml.Node, env func(string) string) {
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			expand(child, env)
		}
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		parts := strings.Split(n.Value, "$$")
		for i, part := range parts {
			parts[i] = os.Expand(part, env)
		}
		n.Value = strings.Join(parts, "$")
	}
}
