package validate

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Folders of Prometheus's pod, as package render lays it out: the service
// account's token, the volume of samples, which alone can be written to, and the
// certificate authorities that come with the image.
const (
	tokenFolder  = "/var/run/secrets/kubernetes.io/serviceaccount"
	sampleFolder = "/prometheus"
)

var imageFolders = []string{"/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"}

// mountedFolders are those that patches mount into Prometheus's pods, sorted.
func mountedFolders(patches []*repolayout.File) []string {
	var folders []string
	for _, f := range patches {
		decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
		for {
			var p podPatch
			if decoder.Decode(&p) != nil { // the end, or what layout/patch reports
				break
			}
			if p.Kind == "StatefulSet" && (p.Metadata.Name == "prometheus" || strings.HasPrefix(p.Metadata.Name, "prometheus-shard-")) {
				folders = append(folders, p.mounts()...)
			}
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// podPatch is what of a patch says which volumes are mounted where.
type podPatch struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Name         string
					VolumeMounts []struct {
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
			}
		}
	}
}

func (p *podPatch) mounts() (folders []string) {
	for _, c := range p.Spec.Template.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if c.Name == "prometheus" && path.IsAbs(m.MountPath) {
				folders = append(folders, path.Clean(m.MountPath))
			}
		}
	}
	return folders
}

// within says whether a file is in one of the folders, or is one of them: a key
// of a Secret can be mounted as one file.
func within(file string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return file == folder || folder == "/" || strings.HasPrefix(file, folder+"/")
	})
}
