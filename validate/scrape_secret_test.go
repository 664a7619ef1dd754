package validate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestScrapeSecrets(t *testing.T) {
	clear := func(line int) string {
		return fmt.Sprintf(" is a secret, and stands here in clear text, in line %d [scrape/secret] (change the secret where it is used, as everyone who reads the repo knows it; ", line)
	}
	const (
		mount = "mount it from a Kubernetes Secret into Prometheus's pod, and name its file with "
		token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	)
	runScrapeCases(t, []scrapeCase{
		{"none", "- job_name: a\n  authorization: {credentials_file: " + token + "}\n  params: {module: [http_2xx], token_type: [x]}\n  kubernetes_sd_configs: [{role: pod, api_server: 'https://kubernetes.example/', tls_config: {ca_file: /etc/ssl/ca.crt}}]\n", nil},
		{"of the job", "- job_name: a\n  basic_auth: {username: a, password: hunter22}\n", []string{
			"2:13: warning: the value of password" + clear(3) + mount + "password_file in place of password)",
		}},
		{"moved by Prometheus", "- job_name: a\n  bearer_token: hunter22\n", []string{
			"2:13: warning: the value of bearer_token" + clear(3) + mount + "bearer_token_file in place of bearer_token)",
		}},
		{"of oauth", "- job_name: a\n  oauth2: {client_id: a, client_secret: hunter22, token_url: 'https://a.example/'}\n", []string{
			"2:13: warning: the value of client_secret" + clear(3) + mount + "client_secret_file in place of client_secret)",
		}},
		{"of two discoveries", "- job_name: a\n  consul_sd_configs: [{server: a, token: hunter22}, {server: b, username: a, password: hunter22}]\n", []string{
			"2:13: warning: the value of password" + clear(3) + mount + "basic_auth.password_file in place of password)",
			"2:13: warning: the value of token" + clear(3) + mount + "authorization.credentials_file in place of token)",
		}},
		{"from no file", "- job_name: a\n  ec2_sd_configs:\n  - region: a\n    access_key: a\n    secret_key: hunter22\n", []string{
			"2:13: warning: the value of secret_key" + clear(6) + "ec2_sd_configs reads it from no file: give Prometheus's pod an identity where the cloud has that, or list the targets through file_sd_configs or http_sd_configs)",
		}},
		{"in a URL", "- job_name: a\n  http_sd_configs: [{url: 'https://a:hunter22@b.example/'}]\n  proxy_url: http://user@proxy.example\n", []string{
			"2:13: warning: the URL in url holds a password in clear text, in line 3 [scrape/secret] (take user and password out of the URL, and write basic_auth with a password_file)",
		}},
		{"in headers", "- job_name: a\n  http_headers: {X-Api-Key: {values: [hunter22]}, X-Tenant: {values: [b]}, X: {secrets: [hunter22]}}\n", []string{
			"2:13: warning: the value of the header X" + clear(3) + mount + "files in place of secrets)",
			"2:13: warning: the value of the header X-Api-Key" + clear(3) + mount + "files in place of values)",
		}},
		{"in parameters", "- job_name: a\n  params:\n    api_key: [hunter22]\n", []string{
			"2:13: warning: the parameter api_key is a secret by its name, and stands here in clear text, in line 4 [scrape/secret] (use authorization with a credentials_file, or http_headers with files, if the target takes one of them)",
		}},
		{"a variable", "- job_name: a\n  basic_auth: {username: a, password: '${PASSWORD}'}\n", []string{
			"2:13: warning: the value of password names a variable, but Prometheus replaces none here and would send the name itself, in line 3 [scrape/secret] (" + mount + "password_file in place of password)",
		}},
		{"copied from Prometheus", "- job_name: a\n  authorization: {credentials: <secret>}\n", []string{
			"2:13: warning: the value of credentials is what Prometheus shows in place of a secret, so the secret itself is missing, in line 3 [scrape/secret] (" + mount + "credentials_file in place of credentials)",
		}},
		{"on one line", "- {job_name: a, bearer_token: hunter22}\n", []string{
			" warning: the value of bearer_token is a secret, and stands here in clear text [scrape/secret] (change the secret where it is used, as everyone who reads the repo knows it; " + mount + "bearer_token_file in place of bearer_token)",
		}},
		{"by an anchor", "- job_name: a\n  basic_auth: &auth {username: a, password: hunter22}\n- job_name: b\n  basic_auth: *auth\n", []string{
			"2:13: warning: the value of password" + clear(3) + mount + "password_file in place of password)",
			`4:13: warning: job "b": the value of password` + clear(3) + mount + "password_file in place of password)",
		}},
	})
}

// discoveries is the least of each service discovery that Prometheus has, with a
// secret or a file where it takes one, and the key of that.
var discoveries = map[string]struct{ config, finds string }{
	"aws":          {"{role: ec2, region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"azure":        {"{subscription_id: a, tenant_id: a, client_id: a, client_secret: hunter22}", "client_secret"},
	"consul":       {"{server: a, token: hunter22}", "token"},
	"digitalocean": {"{authorization: {credentials: hunter22}}", "credentials"},
	"dns":          {"{names: [a.example]}", ""},
	"docker":       {"{host: 'unix:///var/run/docker.sock'}", "unix:///var/run/docker.sock"},
	"dockerswarm":  {"{host: 'http://a.example', role: nodes, bearer_token: hunter22}", "bearer_token"},
	"ec2":          {"{region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"ecs":          {"{region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"elasticache":  {"{region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"eureka":       {"{server: 'http://a.example/eureka', basic_auth: {username: a, password: hunter22}}", "password"},
	"file":         {"{files: [a.json]}", "files"},
	"gce":          {"{project: a, zone: a}", ""},
	"hetzner":      {"{role: robot, basic_auth: {username: a, password: hunter22}}", "password"},
	"http":         {"{url: 'http://a.example', tls_config: {key_file: a.pem, cert_file: /etc/ssl/a.pem}}", "key_file"},
	"ionos":        {"{datacenter_id: a, authorization: {credentials: hunter22}}", "credentials"},
	"kubernetes":   {"{role: pod, kubeconfig_file: /home/a}", "kubeconfig_file"},
	"kuma":         {"{server: 'http://a.example', basic_auth: {username: a, password: hunter22}}", "password"},
	"lightsail":    {"{region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"linode":       {"{authorization: {credentials: hunter22}}", "credentials"},
	"marathon":     {"{servers: ['http://a.example'], auth_token: hunter22}", "auth_token"},
	"msk":          {"{region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"nerve":        {"{servers: [a], paths: [/a]}", ""},
	"nomad":        {"{server: 'http://a.example', authorization: {credentials: hunter22}}", "credentials"},
	"oci":          {"{tenancy: a, user: a, region: a, compartments: [a], fingerprint: a, key_file: /a.pem}", "key_file"},
	"openstack":    {"{role: instance, region: a, password: hunter22}", "password"},
	"outscale":     {"{region: eu-west-2, access_key: a, secret_key: hunter22}", "secret_key"},
	"ovhcloud":     {"{service: vps, application_key: a, application_secret: hunter22, consumer_key: '${KEY}'}", "application_secret"},
	"puppetdb":     {"{url: 'http://a.example', query: a, oauth2: {client_id: a, client_secret: hunter22, token_url: 'http://a.example'}}", "client_secret"},
	"rds":          {"{region: a, access_key: a, secret_key: hunter22}", "secret_key"},
	"scaleway":     {"{role: instance, project_id: 11111111-1111-1111-1111-111111111111, access_key: SCWXXXXXXXXXXXXXXXXX, secret_key: 11111111-1111-1111-1111-111111111111}", "secret_key"},
	"serverset":    {"{servers: [a], paths: [/a]}", ""},
	"stackit":      {"{project: a, service_account_key: hunter22}", "service_account_key"},
	"triton":       {"{account: a, dns_suffix: a, endpoint: a, port: 1, version: 1, tls_config: {ca_file: a.pem}}", "ca_file"},
	"uyuni":        {"{server: 'https://a.example', username: a, password: hunter22}", "password"},
	"vultr":        {"{authorization: {credentials: hunter22}}", "credentials"},
}

// TestServiceDiscoveries has every kind that Prometheus knows: it is read, what
// is secret in it and which files it names is seen, and no secret is repeated.
func TestServiceDiscoveries(t *testing.T) {
	known := map[string]bool{}
	for key := range prometheusKeys() {
		if kind, ok := strings.CutSuffix(key, "_sd_configs"); ok {
			known[kind] = true
		}
	}
	for kind := range known {
		if _, ok := discoveries[kind]; !ok {
			t.Errorf("%s_sd_configs is not in the table", kind)
		}
	}
	for kind, sd := range discoveries {
		t.Run(kind, func(t *testing.T) {
			if !known[kind] {
				t.Errorf("Prometheus has no %s_sd_configs", kind)
			}
			found := check(t, repoOf(map[string]string{
				scrapePath: fmt.Sprintf("scrape_configs:\n- job_name: a\n  %s_sd_configs: [%s]\n", kind, sd.config),
			}))
			if sd.finds == "" && len(found) > 0 || sd.finds != "" && (len(found) == 0 || !strings.Contains(found[0].Message, sd.finds)) {
				t.Errorf("found %v, want one of %q", lines(found), sd.finds)
			}
			line := fmt.Sprintf("  %s_sd_configs: [%s]", kind, sd.config)
			parts := repolayout.SecretsOf(scrapePath, []byte("a:\n"+line)).Line(2)
			if at := strings.Index(line, "hunter22"); at >= 0 && !slices.ContainsFunc(parts, func(p repolayout.Part) bool { return p.From <= at && at < p.To }) {
				t.Errorf("%s would be shown: %v is hidden", line, parts)
			}
			for _, f := range found {
				if f.Severity == Error || strings.Contains(f.String()+f.Hint, "hunter22") || f.Check == scrapeSecret && f.Line == 3 {
					t.Errorf("found %v", f)
				}
			}
		})
	}
	if diff := cmp.Diff(len(known), len(discoveries)); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}
