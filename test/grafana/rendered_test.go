package grafana_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/test/grafana"
)

// TestRendered: what is rendered of the example for Grafana is provisioning that
// the stand-in reads, with the variables of the rendered container.
func TestRendered(t *testing.T) {
	repo, problems := repolayout.NewLoader().Load(repolayout.Example())
	if len(problems) > 0 {
		t.Fatalf("the example: %v", problems)
	}
	var env *repolayout.Environment
	for _, e := range repo.Environments {
		if e.Name == "prod" {
			env = e
		}
	}
	env.Grafana.Replicas = 1
	output, err := render.New(render.Options{AgentImage: "registry.example.org/watchbill:v1"}).Environment(repo, env)
	if err != nil {
		t.Fatal(err)
	}
	variables := variablesOf(output.Objects)
	provisioning := variables["GF_PATHS_PROVISIONING"]
	root := filepath.Dir(provisioning) // where the agent keeps the link to the bundle
	dir := t.TempDir()
	for _, b := range output.Bundles {
		if b.Component == bundle.Grafana {
			layOut(t, dir, b, root)
		}
	}
	variables["GF_PATHS_PROVISIONING"] = filepath.Join(dir, filepath.Base(provisioning))
	variables["GF_SECURITY_ADMIN_PASSWORD"] = "secret"
	options, err := grafana.FromEnv(func(name string) (string, bool) { v, ok := variables[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	g, err := grafana.New(options)
	if err != nil {
		t.Fatal(err)
	}
	var shown, want []string
	var hits []struct{ UID, FolderTitle string }
	ask(t, g, "/api/search?type=dash-db", &hits)
	for _, h := range hits {
		shown = append(shown, h.FolderTitle+"/"+h.UID)
	}
	for _, team := range repo.Teams {
		for _, d := range team.Dashboards {
			var model struct{ UID string }
			if err := json.Unmarshal(d.Content, &model); err != nil {
				t.Fatal(err)
			}
			want = append(want, team.Name+"/"+model.UID)
		}
	}
	slices.Sort(want)
	slices.Sort(shown)
	if diff := cmp.Diff(want, shown); diff != "" || len(want) == 0 {
		t.Errorf("dashboards:\n%s", diff)
	}
	var sources []struct{ UID, URL string }
	ask(t, g, "/api/datasources", &sources)
	if len(sources) != 1 || sources[0].UID != "thanos" || sources[0].URL != variables["WATCHBILL_QUERY_URL"] {
		t.Errorf("data sources: %+v", sources)
	}
}

// variablesOf are the plain ones of Grafana's container.
func variablesOf(objects []render.Object) map[string]string {
	out := map[string]string{}
	for _, o := range objects {
		var containers []corev1.Container
		if d, ok := o.(*appsv1.Deployment); ok && d.Name == bundle.Grafana {
			containers = d.Spec.Template.Spec.Containers
		}
		for _, c := range containers {
			for _, v := range c.Env {
				if v.ValueFrom == nil {
					out[v.Name] = v.Value
				}
			}
		}
	}
	return out
}

// layOut writes a bundle as the agent does, below dir instead of root.
func layOut(t *testing.T, dir string, b bundle.Bundle, root string) {
	t.Helper()
	files, err := bundle.Assemble(b.Ref(""), b.Chunks)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(f.Content, root, dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func ask(t *testing.T, g *grafana.Grafana, path string, into any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.SetBasicAuth("admin", "secret")
	a := httptest.NewRecorder()
	g.ServeHTTP(a, r)
	if err := json.Unmarshal(a.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %d, %v in %s", path, a.Code, err, a.Body)
	}
}
