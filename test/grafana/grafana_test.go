package grafana

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// world is a Grafana over folders of its own.
type world struct {
	*Grafana
	dir string
	log bytes.Buffer
}

const providers = `
apiVersion: 1
providers:
  - name: bundle
    orgId: 1
    type: file
    disableDeletion: false
    allowUiUpdates: false
    updateIntervalSeconds: 7
    options: {path: DIR/current/dashboards, foldersFromFilesStructure: true}
`

const sources = `
apiVersion: 1
datasources:
  - {name: Thanos, uid: thanos, type: prometheus, access: proxy, url: $QUERY_URL, isDefault: true, jsonData: {httpMethod: POST, timeInterval: "${INTERVAL}", $QUERY_URL: a$$b}}
`

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func dash(uid, title string) string {
	return fmt.Sprintf(`{"uid": %q, "title": %q, "tags": ["a"], "panels": []}`, uid, title)
}

// bundleOf writes the files of one bundle and makes it the current one.
func (w *world) bundleOf(t *testing.T, digest string, files map[string]string) {
	t.Helper()
	put(t, filepath.Join(w.dir, digest, "dashboards", ".keep"), "")
	for path, text := range files {
		put(t, filepath.Join(w.dir, digest, "dashboards", path), text)
	}
	link := filepath.Join(w.dir, "current")
	_ = os.Remove(link) // the first time there is none
	if err := os.Symlink(digest, link); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, files map[string]string) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	put(t, filepath.Join(w.dir, "provisioning/dashboards/p.yaml"), strings.ReplaceAll(providers, "DIR", w.dir))
	put(t, filepath.Join(w.dir, "provisioning/datasources/d.yaml"), sources)
	w.bundleOf(t, "one", files)
	var err error
	w.Grafana, err = New(Options{
		Provisioning: filepath.Join(w.dir, "provisioning"), User: "admin", Password: "secret",
		Env: func(name string) string {
			return map[string]string{"QUERY_URL": "http://thanos-query:9090", "INTERVAL": "15s"}[name]
		},
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask answers with the code and the body.
func (w *world) ask(t *testing.T, method, path string, into any) int {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.SetBasicAuth("admin", "secret")
	a := httptest.NewRecorder()
	w.ServeHTTP(a, r)
	if into != nil {
		if err := json.Unmarshal(a.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v in %s", path, err, a.Body)
		}
	}
	return a.Code
}

// shown is "folder/uid: title" of each dashboard.
func (w *world) shown(t *testing.T) []string {
	t.Helper()
	var hits []hit
	w.ask(t, "GET", "/api/search?type=dash-db", &hits)
	var out []string
	for _, h := range hits {
		out = append(out, h.FolderTitle+"/"+h.UID+": "+h.Title)
	}
	return out
}

func (w *world) reloadNow(t *testing.T) {
	t.Helper()
	var said map[string]string
	if code := w.ask(t, "POST", "/api/admin/provisioning/dashboards/reload", &said); code != http.StatusOK {
		t.Fatalf("reload: %d %v", code, said)
	}
	if diff := cmp.Diff(map[string]string{"message": "Dashboards config reloaded"}, said); diff != "" {
		t.Error(diff)
	}
}

func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.shown(t)); diff != "" {
		t.Errorf("dashboards:\n%s\n%s", diff, &w.log)
	}
}

func TestFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
		log   string
	}{
		"a folder for each directory": {
			map[string]string{"top.json": dash("t", "Top"), "payments/a.json": dash("a", "A"), "platform/deep/b.json": dash("b", "B")},
			[]string{"payments/a: A", "deep/b: B", "/t: Top"}, "",
		},
		"what is no dashboard": {
			map[string]string{"a.json": dash("a", "A"), "b.json": "{", "c.json": `{"uid": "c"}`, "d.txt": dash("d", "D"), ".e/e.json": dash("e", "E"), "f.json": dash("f", "F") + "{}"},
			[]string{"/a: A"}, "dashboard title cannot be empty",
		},
		"the same uid twice": {
			map[string]string{"payments/a.json": dash("a", "First"), "platform/a.json": dash("a", "Second")},
			[]string{"payments/a: First"}, "the same UID is used more than once",
		},
		"the same title twice": {
			map[string]string{"payments/a.json": dash("a", "A"), "payments/b.json": dash("b", "A")},
			[]string{"payments/a: A", "payments/b: A"}, "dashboard title is not unique in folder",
		},
		"a uid that is none": {
			map[string]string{"a.json": dash("a b", "A"), "b.json": dash(strings.Repeat("b", 41), "B")},
			nil, "40 letters",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, c.files)
			w.expect(t, c.want...)
			if !strings.Contains(w.log.String(), c.log) {
				t.Errorf("the log does not say %q:\n%s", c.log, &w.log)
			}
		})
	}
}

func TestReloadTakesOverTheNewBundle(t *testing.T) {
	w := start(t, map[string]string{"payments/a.json": dash("a", "A"), "payments/b.json": dash("b", "B")})
	var before, after struct {
		Meta struct {
			FolderTitle, Slug, ProvisionedExternalID string
			Provisioned                              bool
			Version                                  int
		}
		Dashboard struct {
			ID, Version int
			Title       string
		}
	}
	w.ask(t, "GET", "/api/dashboards/uid/a", &before)
	if before.Meta.FolderTitle != "payments" || !before.Meta.Provisioned || before.Dashboard.Version != 1 {
		t.Errorf("before: %+v", before)
	}
	w.bundleOf(t, "two", map[string]string{"payments/a.json": dash("a", "A is better")})
	w.expect(t, "payments/a: A", "payments/b: B")
	w.reloadNow(t)
	w.expect(t, "payments/a: A is better")
	w.ask(t, "GET", "/api/dashboards/uid/a", &after)
	if after.Meta.Slug != "a-is-better" || after.Dashboard.ID == before.Dashboard.ID || after.Dashboard.Version != 1 {
		t.Errorf("by another path, so it is another one: %+v, before %+v", after, before)
	}
	if code := w.ask(t, "GET", "/api/dashboards/uid/b", nil); code != http.StatusNotFound {
		t.Errorf("a dashboard that is gone: %d", code)
	}
}

func TestSamePathIsTheSameDashboard(t *testing.T) {
	w := start(t, map[string]string{"a.json": dash("a", "A")})
	id := w.dashboards["a"].id
	put(t, filepath.Join(w.dir, "one/dashboards/a.json"), dash("renamed", "A"))
	w.reloadNow(t)
	w.expect(t, "/renamed: A")
	if d := w.dashboards["renamed"]; d.id != id || d.version != 2 {
		t.Errorf("id %d version %d, before %d", d.id, d.version, id)
	}
}

func TestPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, map[string]string{"a.json": dash("a", "A")})
		ctx, stop := context.WithCancel(t.Context())
		go w.Run(ctx)
		interval := 7 * time.Second
		w.bundleOf(t, "two", map[string]string{"b.json": dash("b", "B")})
		time.Sleep(interval - time.Millisecond)
		w.expect(t, "/a: A")
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		w.expect(t, "/b: B")

		// With duplicates nothing is taken over but by a reload, until they are gone.
		w.bundleOf(t, "three", map[string]string{"a.json": dash("a", "A"), "b.json": dash("a", "Again")})
		time.Sleep(interval)
		synctest.Wait()
		w.expect(t)
		w.reloadNow(t)
		w.expect(t, "/a: A")
		w.bundleOf(t, "four", map[string]string{"a.json": dash("a", "A"), "b.json": dash("b", "B")})
		time.Sleep(interval)
		synctest.Wait()
		w.expect(t, "/a: A", "/b: B")
		stop()
	})
}

func TestMissingPath(t *testing.T) {
	w := start(t, nil)
	if err := os.Remove(filepath.Join(w.dir, "current")); err != nil {
		t.Fatal(err)
	}
	w.reloadNow(t)
	if !strings.Contains(w.log.String(), "failed to provision config") {
		t.Errorf("the log: %s", &w.log)
	}
}

func TestWhoMayAsk(t *testing.T) {
	w := start(t, nil)
	for _, c := range []struct {
		path, user, password string
		want                 int
	}{
		{"/api/health", "", "", 200},
		{"/api/search", "", "", 401},
		{"/api/search", "admin", "wrong", 401},
		{"/api/search", "other", "secret", 401},
		{"/api/search", "admin", "secret", 200},
		{"/api/dashboards/uid/none", "admin", "secret", 404},
		{"/api/other", "admin", "secret", 404},
		{"/", "", "", 401},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		if c.user != "" {
			r.SetBasicAuth(c.user, c.password)
		}
		a := httptest.NewRecorder()
		w.ServeHTTP(a, r)
		if a.Code != c.want {
			t.Errorf("%s as %q: %d, want %d", c.path, c.user, a.Code, c.want)
		}
	}
	var got []map[string]any
	w.ask(t, "GET", "/api/datasources", &got)
	want := []map[string]any{{
		"id": 1.0, "uid": "thanos", "orgId": 1.0, "name": "Thanos", "type": "prometheus", "access": "proxy",
		"url": "http://thanos-query:9090", "user": "", "database": "", "basicAuth": false, "isDefault": true, "readOnly": true,
		"jsonData": map[string]any{"httpMethod": "POST", "timeInterval": "15s", "$QUERY_URL": "a$b"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("data sources:\n%s", diff)
	}
}

func TestProvisioningRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"no YAML":             {"dashboards/a.yaml", "a: [", "a.yaml"},
		"another version":     {"dashboards/a.yaml", "providers: []", "apiVersion"},
		"another type":        {"dashboards/a.yaml", "{apiVersion: 1, providers: [{name: a, type: http}]}", "type http"},
		"no path":             {"dashboards/a.yml", "{apiVersion: 1, providers: [{name: a}]}", "options.path"},
		"another org":         {"dashboards/a.yaml", "{apiVersion: 1, providers: [{name: a, orgId: 2}]}", "organization 2"},
		"an unknown key":      {"dashboards/a.yaml", "{apiVersion: 1, providers: [{name: a, path: b}]}", "path"},
		"two defaults":        {"datasources/a.yaml", "{apiVersion: 1, datasources: [{name: a, type: b, isDefault: true}, {name: b, type: b, isDefault: true}]}", "both the default"},
		"a nameless source":   {"datasources/a.yaml", "{apiVersion: 1, datasources: [{type: b}]}", "name or type"},
		"the same name twice": {"datasources/a.yaml", "{apiVersion: 1, datasources: [{name: a, type: b}, {name: a, type: b}]}", "stands twice"},
	} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, c.file), c.text)
		if _, err := New(Options{Provisioning: dir}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReloadRefusesABrokenProvider(t *testing.T) {
	w := start(t, map[string]string{"a.json": dash("a", "A")})
	put(t, filepath.Join(w.dir, "provisioning/dashboards/p.yaml"), "a: [")
	if code := w.ask(t, "POST", "/api/admin/provisioning/dashboards/reload", nil); code != http.StatusInternalServerError {
		t.Errorf("answered %d", code)
	}
	w.expect(t, "/a: A")
}

func TestFromEnv(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	put(t, secret, "from a file\n")
	for name, c := range map[string]struct {
		env   map[string]string
		want  Options
		wrong string
	}{
		"nothing": {nil, Options{Provisioning: "/etc/grafana/provisioning", Address: ":3000", User: "admin", Password: "admin"}, ""},
		"all": {
			map[string]string{
				"GF_PATHS_PROVISIONING": "/p", "GF_SERVER_HTTP_PORT": "1", "GF_SERVER_HTTP_ADDR": "127.0.0.1",
				"GF_SECURITY_ADMIN_USER": "u", "GF_SECURITY_ADMIN_PASSWORD__FILE": secret,
			},
			Options{Provisioning: "/p", Address: "127.0.0.1:1", User: "u", Password: "from a file"}, "",
		},
		"both":    {map[string]string{"GF_SECURITY_ADMIN_USER": "u", "GF_SECURITY_ADMIN_USER__FILE": secret}, Options{}, "both set"},
		"no file": {map[string]string{"GF_SECURITY_ADMIN_USER__FILE": secret + "x"}, Options{}, "GF_SECURITY_ADMIN_USER__FILE"},
	} {
		got, err := FromEnv(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if (err != nil) != (c.wrong != "") || (err != nil && !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v", name, err)
		}
		if got.Env != nil && got.Env("GF_SERVER_HTTP_PORT") != c.env["GF_SERVER_HTTP_PORT"] {
			t.Errorf("%s: the provisioning files see another environment", name)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Options{}, "Env")); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestNothingIsAnEmptyList(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "provisioning/dashboards/p.yaml"), strings.ReplaceAll(providers, "DIR", dir))
	put(t, filepath.Join(dir, "current/dashboards/a.json"), `{"uid": "a", "title": "A"}`)
	g, err := New(Options{Provisioning: filepath.Join(dir, "provisioning"), User: "admin", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/api/datasources":             "[]\n",
		"/api/search?type=dash-folder": "[]\n",
		"/api/search":                  `[{"id":1,"uid":"a","title":"A","uri":"db/a","url":"/d/a/a","type":"dash-db","tags":[]}]` + "\n",
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.SetBasicAuth("admin", "secret")
		a := httptest.NewRecorder()
		g.ServeHTTP(a, r)
		if diff := cmp.Diff(want, a.Body.String()); diff != "" {
			t.Errorf("%s:\n%s", path, diff)
		}
	}
}
