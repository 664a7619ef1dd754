package grafana

import (
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Version is what /api/health says that this is.
const Version = "12.3.0-stand-in"

// ServeHTTP implements http.Handler. It answers:
//
//	GET  /api/health
//	POST /api/admin/provisioning/dashboards/reload
//	GET  /api/dashboards/uid/{uid}
//	GET  /api/search?type=dash-db&query=…
//	GET  /api/datasources
//
// All but the first want the administrator's name and password.
func (g *Grafana) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.api.ServeHTTP(w, r) }

func (g *Grafana) handler() http.Handler {
	private := http.NewServeMux()
	private.HandleFunc("POST /api/admin/provisioning/dashboards/reload", g.answerReload)
	private.HandleFunc("GET /api/dashboards/uid/{uid}", g.answerDashboard)
	private.HandleFunc("GET /api/search", g.answerSearch)
	private.HandleFunc("GET /api/datasources", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, append([]source{}, g.sources...)) // never null
	})
	private.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusNotFound, "Not found") })
	public := http.NewServeMux()
	public.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"commit": "stand-in", "database": "ok", "version": Version})
	})
	public.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name, password, given := r.BasicAuth()
		switch {
		case !given:
			say(w, http.StatusUnauthorized, "Unauthorized")
		case !same(name, g.options.User) || !same(password, g.options.Password):
			say(w, http.StatusUnauthorized, "Invalid username or password")
		default:
			private.ServeHTTP(w, r)
		}
	})
	return public
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // nobody is left to tell
}

func say(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

func (g *Grafana) answerReload(w http.ResponseWriter, _ *http.Request) {
	if err := g.reload(); err != nil {
		g.log.Error("failed to provision dashboards", "err", err)
		say(w, http.StatusInternalServerError, "")
		return
	}
	say(w, http.StatusOK, "Dashboards config reloaded")
}

func (g *Grafana) answerDashboard(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.dashboards[r.PathValue("uid")]
	if d == nil {
		say(w, http.StatusNotFound, "Dashboard not found")
		return
	}
	model := maps.Clone(d.model)
	model["id"], model["uid"], model["version"] = d.id, d.uid, d.version
	folder := d.folder
	if folder == "" {
		folder = "General"
	}
	answer(w, http.StatusOK, map[string]any{
		"meta": map[string]any{
			"type": "db", "slug": slug(d.title), "url": address(d),
			"created": d.created.UTC().Format(time.RFC3339), "updated": d.updated.UTC().Format(time.RFC3339),
			"version": d.version, "isFolder": false, "folderTitle": folder, "folderUid": folderUID(d.folder),
			"provisioned": d.file != "", "provisionedExternalId": d.file,
		},
		"dashboard": model,
	})
}

// hit is a line of the search's answer.
type hit struct {
	ID          int    `json:"id"`
	UID         string `json:"uid"`
	Title       string `json:"title"`
	URI         string `json:"uri"`
	URL         string `json:"url"`
	Type        string `json:"type"`
	Tags        []any  `json:"tags"`
	FolderUID   string `json:"folderUid,omitempty"`
	FolderTitle string `json:"folderTitle,omitempty"`
}

func (g *Grafana) answerSearch(w http.ResponseWriter, r *http.Request) {
	hits := []hit{}
	if kind := r.FormValue("type"); kind != "" && kind != "dash-db" {
		answer(w, http.StatusOK, hits) // folders are not searched for
		return
	}
	g.mu.Lock()
	for _, d := range g.dashboards {
		if !strings.Contains(strings.ToLower(d.title), strings.ToLower(r.FormValue("query"))) {
			continue
		}
		tags, _ := d.model["tags"].([]any)
		hits = append(hits, hit{
			ID: d.id, UID: d.uid, Title: d.title, URI: "db/" + slug(d.title), URL: address(d), Type: "dash-db",
			Tags: append([]any{}, tags...), FolderUID: folderUID(d.folder), FolderTitle: d.folder,
		})
	}
	g.mu.Unlock()
	slices.SortFunc(hits, func(a, b hit) int {
		return strings.Compare(a.Title+"\x00"+a.UID, b.Title+"\x00"+b.UID)
	})
	answer(w, http.StatusOK, hits)
}

func folderUID(folder string) string {
	if folder == "" {
		return ""
	}
	return uidOf("folder " + folder)
}

func address(d *dashboard) string { return "/d/" + d.uid + "/" + slug(d.title) }

var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(title string) string {
	return strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(title), "-"), "-")
}
