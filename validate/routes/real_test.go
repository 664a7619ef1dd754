package routes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/test/upstream"
)

const (
	realTrees         = 200
	realAlertsPerTree = 8
)

// TestRunningAlertmanager sends alerts to a real Alertmanager that runs 200
// generated trees, each below one route of a tree around them, and compares the
// notifications that come with what Decide says. Every alert is a group of its
// own, so that each notification is of one alert.
func TestRunningAlertmanager(t *testing.T) {
	upstream.Path(t, "alertmanager")
	arrived := make(chan string, 1<<16)
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Receiver string
			Alerts   []struct{ Labels map[string]string }
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || len(m.Alerts) != 1 {
			t.Errorf("a notification of %d alerts: %v", len(m.Alerts), err)
			return
		}
		arrived <- m.Alerts[0].Labels["id"] + " " + m.Receiver
	}))
	defer hooks.Close()

	g := &treeGenerator{Rand: rand.New(rand.NewPCG(9, 10)), receivers: 5}
	text := manyTrees(g, hooks.URL)
	tree := mustLoad(t, text)
	var alerts []map[string]string
	want := map[string]int{}
	ends := 0
	for i := range realTrees * realAlertsPerTree {
		set := g.labelSet()
		set["tree"], set["id"] = strconv.Itoa(i/realAlertsPerTree), strconv.Itoa(i)
		alerts = append(alerts, set)
		d := tree.Decide(Exactly(set))
		if len(d.Outcomes) != 1 {
			t.Fatalf("%v: %d outcomes", set, len(d.Outcomes))
		}
		ends += len(d.Outcomes[0].Hits)
		for _, hit := range d.Outcomes[0].Hits {
			want[set["id"]+" "+hit.Receiver]++
		}
	}
	dir := t.TempDir()
	upstream.Write(t, dir, map[string]string{"alertmanager.yml": text})
	server := upstream.Start(t, "alertmanager", upstream.Listen, "--config.file="+filepath.Join(dir, "alertmanager.yml"),
		"--storage.path="+dir, "--cluster.listen-address=")
	post(t, server.URL, alerts)
	got := map[string]int{}
	for len(got) < len(want) {
		select {
		case notification := <-arrived:
			if want[notification] == 0 {
				t.Fatalf("%s was not to be told", notification)
			}
			got[notification]++
		case <-t.Context().Done():
			t.Fatalf("only %d of %d notifications came", len(got), len(want))
		}
	}
	if diff := cmp.Diff(sortedKeys(want), sortedKeys(got)); diff != "" {
		t.Error(diff)
	}
	if groups := metric(t, server, "alertmanager_dispatcher_aggregation_groups"); groups != ends {
		t.Errorf("the alerts end at %d routes, where %d were expected", groups, ends)
	}
	t.Logf("%d alerts end at %d routes, and tell %d receivers", len(alerts), ends, len(want))
}

// manyTrees is a configuration whose root has a child for each tree.
func manyTrees(g *treeGenerator, hooks string) string {
	var b strings.Builder
	b.WriteString("route:\n  receiver: nobody\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1h\n  repeat_interval: 24h\n  routes:\n")
	for i := range realTrees {
		fmt.Fprintf(&b, "  - matchers: ['tree=\"%d\"']\n", i)
		g.route(&b, "    ", fmt.Sprintf("t%d-", i), 3, true)
	}
	b.WriteString("receivers:\n- name: nobody\n")
	for i := range realTrees {
		for j := range g.receivers {
			fmt.Fprintf(&b, "- name: t%d-r%d\n  webhook_configs: [{url: '%s/', send_resolved: false}]\n", i, j, hooks)
		}
	}
	return b.String()
}

func post(t *testing.T, url string, sets []map[string]string) {
	t.Helper()
	type alert struct {
		Labels map[string]string `json:"labels"`
	}
	for chunk := range slices.Chunk(sets, 400) {
		var alerts []alert
		for _, set := range chunk {
			alerts = append(alerts, alert{set})
		}
		body, err := json.Marshal(alerts)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.Post(url+"/api/v2/alerts", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", r.Status, answer)
		}
	}
}

func metric(t *testing.T, server *upstream.Server, name string) int {
	t.Helper()
	_, text := server.Ask(t, http.MethodGet, "/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}
