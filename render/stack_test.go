package render_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// setup is what an environment comes to, in short.
type setup struct {
	Sets, Bundles, Jobs []string
}

func setupOf(t *testing.T, env *repolayout.Environment) setup {
	t.Helper()
	env.Name, env.Namespace = "prod", "monitoring"
	c := renderCase(t, "prod", &repolayout.Repo{}, env)
	out := setup{Bundles: []string{}, Jobs: []string{}}
	for _, s := range podSets(c) {
		if s.kind == "Job" {
			continue
		}
		var names []string
		for _, container := range s.template.Spec.Containers {
			names = append(names, strings.TrimPrefix(container.Name, "thanos-"))
		}
		out.Sets = append(out.Sets, fmt.Sprintf("%s*%d %s", s.name, s.replicas, strings.Join(names, "+")))
	}
	for _, b := range c.output.Bundles {
		out.Bundles = append(out.Bundles, b.Component)
	}
	for _, j := range c.output.Jobs {
		out.Jobs = append(out.Jobs, fmt.Sprintf("%s %s %s %s", j.Kind, j.Schedule, j.TimeZone, j.CatchUp))
	}
	slices.Sort(out.Sets)
	return out
}

func TestWhatIsThere(t *testing.T) {
	bucket := &repolayout.ObjectStore{Bucket: "metrics", Region: "eu-west-1"}
	two, three := []string{"prometheus", "alertmanager"}, []string{"prometheus", "alertmanager", "grafana"}
	jobs := []string{"compact 41 */2 * * * UTC 1h0m0s", "retain 23 3 * * * UTC 1h0m0s", "ship 17 * * * * UTC 1h0m0s"}
	everything := func(retired bool) *repolayout.Environment {
		return &repolayout.Environment{
			ObjectStore: bucket, Retired: retired,
			Prometheus: repolayout.PrometheusSpec{Shards: 2, Replicas: 3},
			Query:      repolayout.QuerySpec{Replicas: 2, Frontend: repolayout.FrontendSpec{Replicas: 1}},
			Store:      repolayout.StoreSpec{Shards: 2}, Grafana: repolayout.GrafanaSpec{Replicas: 1},
		}
	}
	for name, c := range map[string]struct {
		env  *repolayout.Environment
		want setup
	}{
		"as small as can be": {&repolayout.Environment{}, setup{[]string{"alertmanager*3 alertmanager", "prometheus*2 prometheus"}, two, []string{}}},
		"with a query": {
			&repolayout.Environment{Query: repolayout.QuerySpec{Replicas: 1}},
			setup{[]string{"alertmanager*3 alertmanager", "prometheus*2 prometheus+sidecar", "thanos-query*1 query"}, two, []string{}},
		},
		"with a bucket": {
			&repolayout.Environment{ObjectStore: bucket},
			setup{[]string{"alertmanager*3 alertmanager", "prometheus*2 prometheus+sidecar"}, two, jobs},
		},
		"jobs otherwise": {
			&repolayout.Environment{
				ObjectStore: bucket, TimeZone: "Europe/Lisbon", Ship: repolayout.JobSpec{Schedule: "never"},
				Retain: repolayout.JobSpec{Schedule: "@daily", CatchUp: "30m"}, Compact: repolayout.CompactSpec{JobSpec: repolayout.JobSpec{CatchUp: "2h"}},
			},
			setup{
				[]string{"alertmanager*3 alertmanager", "prometheus*2 prometheus+sidecar"}, two,
				[]string{"compact 41 */2 * * * Europe/Lisbon 2h0m0s", "retain @daily Europe/Lisbon 30m0s"},
			},
		},
		"everything": {everything(false), setup{[]string{
			"alertmanager*3 alertmanager", "grafana*1 grafana", "prometheus*3 prometheus+sidecar", "prometheus-shard-1*3 prometheus+sidecar",
			"thanos-query*2 query", "thanos-query-frontend*1 query-frontend", "thanos-store-0*1 store", "thanos-store-1*1 store",
		}, three, jobs}},
		"retired": {everything(true), setup{[]string{
			"alertmanager*0 alertmanager", "grafana*0 grafana", "prometheus*0 prometheus+sidecar", "prometheus-shard-1*0 prometheus+sidecar",
			"thanos-query*0 query", "thanos-query-frontend*0 query-frontend", "thanos-store-0*0 store", "thanos-store-1*0 store",
		}, three, []string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, setupOf(t, c.env)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestShardsOfBefore: with one shard, there is nothing of shards in what Prometheus reads.
func TestShardsOfBefore(t *testing.T) {
	repo := load(t, unpack(t, "small"))
	for _, env := range repo.Environments {
		c := renderCase(t, env.Name, repo, env)
		sharded := slices.ContainsFunc(c.files[bundle.Prometheus], func(f bundle.File) bool {
			return strings.Contains(f.Path, "shard") || strings.Contains(f.Content, "shard")
		})
		if sharded != (env.Prometheus.Shards > 1) {
			t.Errorf("%s: shards are in the bundle: %v", env.Name, sharded)
		}
	}
}

// TestArgumentsAreTaken: what a user writes into a file reaches a program as it
// stands, though Kubernetes puts the values of variables into arguments.
func TestArgumentsAreTaken(t *testing.T) {
	env := &repolayout.Environment{
		Name: "prod", Namespace: "monitoring", ObjectStore: &repolayout.ObjectStore{Bucket: "metrics", Prefix: "$(POD_NAME)", Region: "cn-north-1"},
		Compact:   repolayout.CompactSpec{Selectors: []string{`{a=~"x$|$(POD_NAME)|$$"}`}},
		Retention: repolayout.Retention{Rules: []repolayout.RetentionRule{{Selector: `{a="$(HOME)"}`}}},
	}
	c := renderCase(t, "prod", &repolayout.Repo{}, env)
	var all strings.Builder
	for _, s := range podSets(c) {
		for _, container := range containers(s) {
			for _, arg := range container.Args {
				if arg != "--holder=$(POD_NAME)" && !strings.HasPrefix(arg, "--cluster.listen-address") {
					all.WriteString(strings.ReplaceAll(arg, "$$", "\x00") + "\n")
				}
			}
		}
	}
	if strings.Contains(all.String(), "$") {
		t.Errorf("Kubernetes would expand a part of\n%s", all.String())
	}
	for _, want := range []string{"--selector={a=~\"x\x00|\x00(POD_NAME)|\x00\x00\"}", "prefix: \x00(POD_NAME)", "endpoint: s3.cn-north-1.amazonaws.com.cn\n", "{a=\"\x00(HOME)\"}"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no argument holds %q:\n%s", want, all.String())
		}
	}
}

// TestKeysComeFromTheSecret: whoever works on the bucket is given the same keys, and nobody else any.
func TestKeysComeFromTheSecret(t *testing.T) {
	env := &repolayout.Environment{
		Name: "prod", Namespace: "monitoring", ObjectStore: &repolayout.ObjectStore{Bucket: "metrics", Region: "eu-west-1", Secret: "keys"},
		Query: repolayout.QuerySpec{Replicas: 1}, Store: repolayout.StoreSpec{Shards: 1},
	}
	c := renderCase(t, "prod", &repolayout.Repo{}, env)
	var got []string
	for _, s := range podSets(c) {
		for _, container := range containers(s) {
			keys := slices.DeleteFunc(slices.Clone(container.Env), func(e corev1.EnvVar) bool { return !strings.HasPrefix(e.Name, "AWS_") })
			if len(keys) > 0 {
				got = append(got, fmt.Sprintf("%s/%s: %s %s", s.name, container.Name, keys[0].ValueFrom.SecretKeyRef.Name, keys[1].ValueFrom.SecretKeyRef.Key))
			}
		}
	}
	want := []string{}
	for _, name := range []string{"compact/compact", "prometheus/agent", "prometheus/thanos-sidecar", "retain/retain", "thanos-store-0/thanos-store"} {
		want = append(want, name+": keys secret-access-key")
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	bucket := &repolayout.ObjectStore{Bucket: "metrics", Region: "eu-west-1"}
	for want, env := range map[string]repolayout.Environment{
		`cache size "lots"`:     {Query: repolayout.QuerySpec{Replicas: 1, Frontend: repolayout.FrontendSpec{Replicas: 1, CacheSize: "lots"}}},
		`index cache "lots"`:    {ObjectStore: bucket, Store: repolayout.StoreSpec{Shards: 1, IndexCache: "lots"}},
		`deletion delay "soon"`: {ObjectStore: bucket, Store: repolayout.StoreSpec{Shards: 1}, Retention: repolayout.Retention{DeleteDelay: "soon"}},
		`catchUp`:               {ObjectStore: bucket, Ship: repolayout.JobSpec{CatchUp: "soon"}},
		`deadline`:              {ObjectStore: bucket, Compact: repolayout.CompactSpec{JobSpec: repolayout.JobSpec{Deadline: "soon"}}},
		`storage size "big"`:    {ObjectStore: bucket, Compact: repolayout.CompactSpec{Scratch: repolayout.Storage{Size: "big"}}},
		`limits: cpu "x"`:       {ObjectStore: bucket, Retain: repolayout.JobSpec{Resources: repolayout.Resources{Limits: map[string]string{"cpu": "x"}}}},
	} {
		env.Name, env.Namespace = "prod", "monitoring"
		if _, err := render.New(options).Environment(&repolayout.Repo{}, &env); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "prod") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestJobsAreBounded: a run ends, and does not begin anew by itself.
func TestJobsAreBounded(t *testing.T) {
	for _, c := range cases(t) {
		for _, j := range c.output.Jobs {
			spec := j.Template.Spec
			if j.Template.Name != "" || *spec.BackoffLimit != 0 || *spec.ActiveDeadlineSeconds < 60 || j.CatchUp < time.Minute || spec.TTLSecondsAfterFinished != nil {
				t.Errorf("%s: %s: %+v", c.name, j.Kind, spec)
			}
			main := spec.Template.Spec.Containers[0]
			if main.Args[0] != "job" || main.Args[1] != j.Kind || spec.Template.Labels["app.kubernetes.io/component"] != j.Kind || main.TerminationMessagePath != "" {
				t.Errorf("%s: %s: %v", c.name, j.Kind, main.Args)
			}
		}
	}
}
