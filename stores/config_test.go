package stores

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const fullConfig = `type: S3
config:
  bucket: metrics
  endpoint: s3.eu-west-1.amazonaws.com
  region: eu-west-1
  insecure: false
  bucket_lookup_type: virtual-hosted
  aws_sdk_auth: true
  sse_config:
    type: SSE-KMS
    kms_key_id: alias/metrics
    kms_encryption_context: {team: infra}
prefix: /prod/eu/
`

func TestParseConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Config
	}{
		"least": {
			"type: s3\nconfig: {bucket: b, endpoint: 'h:1'}",
			Config{Bucket: "b", Endpoint: "h:1", Lookup: LookupAuto},
		},
		"as JSON": {
			`{"type":"S3","config":{"bucket":"b","endpoint":"h:1","insecure":true,"bucket_lookup_type":"path","sse_config":{"type":"SSE-S3"}},"prefix":""}`,
			Config{Bucket: "b", Endpoint: "h:1", Insecure: true, Lookup: LookupPath, Encryption: Encryption{Type: "SSE-S3"}},
		},
		"all": {fullConfig, Config{
			Bucket: "metrics", Prefix: "prod/eu", Endpoint: "s3.eu-west-1.amazonaws.com", Region: "eu-west-1", Lookup: LookupVirtualHost,
			Encryption: Encryption{Type: "SSE-KMS", KMSKey: "alias/metrics", KMSContext: map[string]string{"team": "infra"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfig([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// badConfigs and what their errors say.
var badConfigs = map[string]struct{ text, want string }{
	"nothing":              {"", "it is empty"},
	"no YAML":              {"a: [", "yaml: "},
	"two documents":        {"type: S3\n---\ntype: S3", "more than one YAML document"},
	"another type":         {"type: GCS\nconfig: {}", `the type is "GCS"; only S3`},
	"no mapping":           {"type: S3\nconfig: [1]", "line 2: not a mapping"},
	"an unknown key":       {"type: S3\nconfig:\n  buckt: b", `line 3: unknown key "buckt"; there are aws_sdk_auth, bucket,`},
	"an unknown key above": {"typ: S3", `line 1: unknown key "typ"; there are config, prefix, type`},
	"an access key":        {"type: S3\nconfig: {bucket: b, access_key: hush}", "line 2: the key access_key is not allowed here; credentials come by AWS_ACCESS_KEY_ID"},
	"a secret key":         {"type: S3\nconfig: {secret_key: hush}", "the key secret_key is not allowed here; credentials come by"},
	"a customer's key":     {"type: S3\nconfig: {sse_config: {type: SSE-C, encryption_key: f}}", "SSE-C is not supported"},
	"no bucket":            {"type: S3\nconfig: {endpoint: h}", "names no bucket; set config.bucket"},
	"a folder as bucket":   {"type: S3\nconfig: {endpoint: h, bucket: a/b}", "is no bucket's name; a folder in it goes to prefix"},
	"no endpoint":          {"type: S3\nconfig: {bucket: b}", "names no endpoint; set config.endpoint"},
	"a URL":                {"type: S3\nconfig: {bucket: b, endpoint: 'http://h'}", "leave the scheme out"},
	"a lookup":             {"type: S3\nconfig: {bucket: b, endpoint: h, bucket_lookup_type: dns}", "it may be auto, path or virtual-hosted"},
	"a wrong value":        {"type: S3\nconfig:\n  insecure: hush", "line 3: a value is text where it should be true or false"},
	"a list for a name":    {"type: S3\nconfig:\n  bucket: [hush]", "line 3: a value is a list where it should be text"},
	"a key twice":          {"type: S3\ntype: S3", "already defined at line 1"},
	"an alias":             {"type: &a S3\nprefix: *a", "line 2: an alias"},
	"an encryption":        {"type: S3\nconfig: {bucket: b, endpoint: h, sse_config: {type: AES}}", "it may be SSE-S3 or SSE-KMS"},
	"KMS without a key":    {"type: S3\nconfig: {bucket: b, endpoint: h, sse_config: {type: SSE-KMS}}", "without a kms_key_id"},
	"a key without KMS":    {"type: S3\nconfig: {bucket: b, endpoint: h, sse_config: {kms_key_id: k}}", "a KMS key without"},
	"a prefix with dots":   {"type: S3\nconfig: {bucket: b, endpoint: h}\nprefix: a/../b", "the prefix: "},
	"too much":             {strings.Repeat("#", maxConfig+1), "more than 65536"},
}

func TestParseConfigRefuses(t *testing.T) {
	for name, c := range badConfigs {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConfig([]byte(c.text))
			if err == nil || !strings.HasPrefix(err.Error(), "object store configuration: ") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("%v tells a value", err)
			}
		})
	}
}

// TestThanosTakesIt: what is taken here passes Thanos's own reading, which a command that fails later shows.
func TestThanosTakesIt(t *testing.T) {
	thanos := os.Getenv("WATCHBILL_THANOS")
	if thanos == "" {
		t.Skip("WATCHBILL_THANOS is not set: `make test` builds the real one and runs this test with it")
	}
	for name, c := range map[string]struct {
		text  string
		taken bool
	}{
		"all":            {strings.Replace(fullConfig, "s3.eu-west-1.amazonaws.com", "127.0.0.1:1", 1), true},
		"an unknown key": {badConfigs["an unknown key"].text, false},
		"no endpoint":    {badConfigs["no endpoint"].text, false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "objstore.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.Command(thanos, "tools", "bucket", "ls", "--objstore.config-file="+file, "--timeout=1s")
			command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s")
			output, _ := command.CombinedOutput()
			_, err := ParseConfig([]byte(c.text))
			taken := !strings.Contains(string(output), "create S3 client") && !strings.Contains(string(output), "parsing config YAML")
			if taken != c.taken || (err == nil) != c.taken {
				t.Errorf("taken by Thanos: %v, here: %v, want %v\n%s", taken, err, c.taken, output)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(fullConfig))
	for _, c := range badConfigs {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err == nil && (c.Bucket == "" || c.Endpoint == "" || strings.HasPrefix(c.Prefix, "/")) {
			t.Errorf("taken as %+v", c)
		}
	})
}
