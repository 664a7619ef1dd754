package render

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const (
	grafanaPort = 3000
	grafanaUser = 472 // that its image is made for
	grafanaData = "/var/lib/grafana"

	provisioningDir = "provisioning"
	dashboardsDir   = "dashboards"
)

// datasources is constant, as Grafana reads it at its start alone: what differs
// is in variables of the pod, so that a change of them starts new pods.
const datasources = `apiVersion: 1
datasources:
  - name: Thanos
    uid: thanos
    type: prometheus
    access: proxy
    url: $WATCHBILL_QUERY_URL
    isDefault: true
    editable: false
    jsonData:
      httpMethod: POST
      prometheusType: Thanos
      timeInterval: $WATCHBILL_SCRAPE_INTERVAL
`

// dashboards has Grafana look at the bundle's folder again and again. It
// follows the link to the bundle that is in use each time.
const dashboards = `apiVersion: 1
providers:
  - name: teams
    type: file
    allowUiUpdates: false
    disableDeletion: false
    updateIntervalSeconds: 10
    options:
      path: ` + CurrentBundle + "/" + dashboardsDir + `
      foldersFromFilesStructure: true
`

// grafanaBundle is what is the whole repo's, and each team's dashboards in a folder of its own.
func grafanaBundle(teams []*team) (bundle.Bundle, error) {
	chunks, err := bundle.Cut("", []bundle.File{
		{Path: provisioningDir + "/datasources/thanos.yaml", Content: datasources},
		{Path: provisioningDir + "/dashboards/teams.yaml", Content: dashboards},
	})
	if err != nil {
		return bundle.Bundle{}, err
	}
	for _, t := range teams {
		chunks = append(chunks, t.dashboards...)
	}
	return bundle.New(bundle.Grafana, chunks), nil
}

func dashboardPath(team, file string) string { return path.Join(dashboardsDir, team, path.Base(file)) }

func grafanaComponent(repo *repolayout.Repo, env *repolayout.Environment) *component {
	c := &component{name: bundle.Grafana, pods: bundle.Grafana, address: "One address for all replicas' pages.", bundle: true}
	c.workloads = []*workload{{
		of: c, name: bundle.Grafana, replicas: env.Grafana.Replicas,
		description:  "Shows the teams' dashboards, from everything that can be asked.",
		programs:     []program{grafanaProgram(repo, env)},
		agent:        agentSpec{env: grafanaLogin(env, "WATCHBILL_PROCESS_USER", "WATCHBILL_PROCESS_PASSWORD")},
		storage:      &repolayout.Storage{},
		volumes:      []corev1.Volume{emptyDir("tmp")},
		graceSeconds: 30,
	}}
	return c
}

func grafanaProgram(repo *repolayout.Repo, env *repolayout.Environment) program {
	optional := true
	return program{
		name:  bundle.Grafana,
		image: grafanaImage(repo).plain(),
		env:   slices.Concat(grafanaSettings(repo, env), grafanaLogin(env, "GF_SECURITY_ADMIN_USER", "GF_SECURITY_ADMIN_PASSWORD")),
		// Further settings, such as a database that the replicas share; those above come first.
		envFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: grafanaSecret(env)}, Optional: &optional,
		}}},
		// Where people come from, no policy can know, and they have to log in.
		ports: []port{{name: httpPort, number: grafanaPort, anybody: true}},
		ready: "/api/health", healthy: "/api/health",
		user:      grafanaUser,
		resources: env.Grafana.Resources,
		requests:  requests("50m", "128Mi"),
		mounts:    []corev1.VolumeMount{dataMount(grafanaData), {Name: "tmp", MountPath: "/tmp"}, bundleMount()},
	}
}

func grafanaSettings(repo *repolayout.Repo, env *repolayout.Environment) []corev1.EnvVar {
	interval := cmp.Or(repo.Stack.Prometheus.ScrapeInterval, repolayout.DefaultStack().Prometheus.ScrapeInterval)
	out := []corev1.EnvVar{
		{Name: "GF_PATHS_PROVISIONING", Value: CurrentBundle + "/" + provisioningDir},
		{Name: "GF_PATHS_DATA", Value: grafanaData},
		{Name: "GF_PATHS_PLUGINS", Value: grafanaData + "/plugins"},
		{Name: "GF_LOG_MODE", Value: "console"},
		{Name: "GF_ANALYTICS_REPORTING_ENABLED", Value: "false"},
		{Name: "GF_ANALYTICS_CHECK_FOR_UPDATES", Value: "false"},
		{Name: "WATCHBILL_QUERY_URL", Value: fmt.Sprintf("http://%s.%s.svc:%d", asked(env), env.Namespace, queryHTTP)},
		{Name: "WATCHBILL_SCRAPE_INTERVAL", Value: string(interval)},
	}
	if env.Grafana.URL != "" {
		out = append(out, corev1.EnvVar{Name: "GF_SERVER_ROOT_URL", Value: literal(env.Grafana.URL)})
	}
	return out
}

// grafanaLogin is the administrator's, for Grafana itself and for the agent that
// has it read the dashboards at once. Without the password no pod starts, as
// Grafana would take one that everybody knows.
func grafanaLogin(env *repolayout.Environment, user, password string) []corev1.EnvVar {
	return []corev1.EnvVar{
		fromSecret(user, grafanaSecret(env), "admin-user", true),
		fromSecret(password, grafanaSecret(env), "admin-password", false),
	}
}

func grafanaSecret(env *repolayout.Environment) string {
	return cmp.Or(env.Grafana.Secret, repolayout.DefaultEnvironment().Grafana.Secret)
}
