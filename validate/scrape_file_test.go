package validate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const mountHint = " [scrape/file] (mount it into the container prometheus by a patch of the StatefulSet prometheus in patches/, and name it by its whole path)"

func TestScrapeFiles(t *testing.T) {
	runScrapeCases(t, []scrapeCase{
		{"of the pod", `- job_name: a
  scrape_failure_log_file: /prometheus/failed.log
  tls_config: {ca_file: /etc/ssl/certs/ca-certificates.crt}
  authorization: {credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token}
  kubernetes_sd_configs: [{role: pod, kubeconfig_file: ""}]
  file_sd_configs: [{files: [/prometheus/targets/*.json]}]
`, nil},
		{"elsewhere", `- job_name: a
  tls_config:
    ca_file: /etc/prometheus/ca.crt
    cert_file: tls.crt
    key_file: /var/run/secrets/kubernetes.io/serviceaccount/../tls.key
  file_sd_configs: [{files: [targets/*.json, /prometheus-targets/a.json]}]
`, []string{
			`4:14: warning: ca_file: nothing is mounted in Prometheus's pod where "/etc/prometheus/ca.crt" should be` + mountHint,
			`5:16: warning: cert_file: Prometheus looks for "tls.crt" beside this file, where its pod has nothing but scrape files` + mountHint,
			`6:15: warning: key_file: nothing is mounted in Prometheus's pod where "/var/run/secrets/kubernetes.io/serviceaccount/../tls.key" should be` + mountHint,
			`7:30: warning: files: Prometheus looks for "targets/*.json" beside this file, where its pod has nothing but scrape files` + mountHint,
			`7:46: warning: files: nothing is mounted in Prometheus's pod where "/prometheus-targets/a.json" should be` + mountHint,
		}},
		{"written", "- job_name: a\n  scrape_failure_log_file: /var/log/failed.log\n", []string{
			`3:28: warning: Prometheus cannot write "/var/log/failed.log": /prometheus is the one folder of its pod that is not read-only [scrape/file] (write it below /prometheus, or mount a volume into the container prometheus by a patch of the StatefulSet prometheus in patches/)`,
		}},
	})
}

const mountPatch = `kind: StatefulSet
metadata: {name: prometheus}
spec:
  template:
    spec:
      volumes: [{name: tls, secret: {secretName: tls}}]
      containers:
      - name: prometheus
        volumeMounts: [{name: tls, mountPath: /etc/prometheus/tls/}, {name: tls, mountPath: /one.crt, subPath: a}]
      - name: thanos-sidecar
        volumeMounts: [{name: tls, mountPath: /sidecar}]
---
kind: Deployment
metadata: {name: prometheus}
spec: {template: {spec: {containers: [{name: prometheus, volumeMounts: [{mountPath: /other}]}]}}}
`

// TestScrapeFilesOfPatches changes only the patches between two runs of one Validator.
func TestScrapeFilesOfPatches(t *testing.T) {
	files := map[string]string{scrapePath: `scrape_configs:
- job_name: a
  tls_config: {ca_file: /etc/prometheus/tls/ca.crt, cert_file: /one.crt, key_file: /sidecar/a}
  oauth2: {client_id: a, client_secret_file: /other/a, token_url: 'https://a.example/'}
`}
	loader, v := repolayout.NewLoader(), New()
	for _, step := range []struct {
		patch string
		want  []string
	}{
		{"", []string{"/etc/prometheus/tls/ca.crt", "/one.crt", "/sidecar/a", "/other/a"}},
		{mountPatch, []string{"/sidecar/a", "/other/a"}},
		{strings.Replace(mountPatch, "/one.crt", "/two.crt", 1), []string{"/one.crt", "/sidecar/a", "/other/a"}},
	} {
		if step.patch != "" {
			files["patches/tls.yaml"] = step.patch
		}
		repo, problems := loader.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		var got []string
		for _, f := range v.Repo(repo) {
			got = append(got, strings.Split(f.Message, `"`)[3])
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("files that are not there (-want +got):\n%s", diff)
		}
	}
}
