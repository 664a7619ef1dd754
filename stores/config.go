package stores

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config says where a bucket is, as Thanos's own object store configuration
// does: the same text goes to both. It never holds keys.
type Config struct {
	Bucket   string
	Prefix   string // of every key, without slashes at the ends
	Endpoint string // host, or host:port
	Region   string // empty: from the environment, or the endpoint's
	Insecure bool   // HTTP without TLS
	Lookup   Lookup
	// Encryption at rest that each upload asks for.
	Encryption Encryption
}

// Lookup is where a request names the bucket.
type Lookup string

const (
	LookupAuto        Lookup = "auto" // host at AWS, path elsewhere
	LookupPath        Lookup = "path"
	LookupVirtualHost Lookup = "virtual-hosted"
)

// Encryption is none, SSE-S3 or SSE-KMS.
type Encryption struct {
	Type       string
	KMSKey     string
	KMSContext map[string]string
}

const (
	encryptS3  = "SSE-S3"
	encryptKMS = "SSE-KMS"
)

// maxConfig is far more than any configuration needs.
const maxConfig = 64 << 10

// thanosConfig is the text's form.
type thanosConfig struct {
	Type   string   `yaml:"type"`
	Config s3Config `yaml:"config"`
	Prefix string   `yaml:"prefix"`
}

type s3Config struct {
	Bucket   string    `yaml:"bucket"`
	Endpoint string    `yaml:"endpoint"`
	Region   string    `yaml:"region"`
	Insecure bool      `yaml:"insecure"`
	Lookup   string    `yaml:"bucket_lookup_type"`
	SSE      sseConfig `yaml:"sse_config"`
	// What follows steers Thanos's client; ours needs no steering there.
	SDKAuth          any `yaml:"aws_sdk_auth"`
	DisableDualstack any `yaml:"disable_dualstack"`
	HTTP             any `yaml:"http_config"`
	ListVersion      any `yaml:"list_objects_version"`
	MaxRetries       any `yaml:"max_retries"`
	PartSize         any `yaml:"part_size"`
	SendMD5          any `yaml:"send_content_md5"`
	Trace            any `yaml:"trace"`
}

type sseConfig struct {
	Type       string            `yaml:"type"`
	KMSKey     string            `yaml:"kms_key_id"`
	KMSContext map[string]string `yaml:"kms_encryption_context"`
}

// refused keys are Thanos's, and their hints say why they are not taken here.
var refused = map[string]string{
	"access_key":         byEnvironment,
	"secret_key":         byEnvironment,
	"session_token":      byEnvironment,
	"encryption_key":     "SSE-C is not supported; use SSE-S3 or SSE-KMS",
	"put_user_metadata":  "objects are written without metadata; leave it out",
	"signature_version2": "requests are signed by version 4; leave it out",
	"sts_endpoint":       "set AWS_ENDPOINT_URL_STS in the environment instead",
	"disable_multipart":  "large objects are written in parts; leave it out",
}

const byEnvironment = "credentials come by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or by the pod's identity"

// ParseConfig reads Thanos's object store configuration, of type S3, strictly.
// Its errors name the line, never a value that could be a secret.
func ParseConfig(text []byte) (Config, error) {
	c, err := parseConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("object store configuration: %w", err)
	}
	return c, nil
}

func parseConfig(text []byte) (Config, error) {
	if len(text) > maxConfig {
		return Config{}, fmt.Errorf("it has %d bytes, more than %d", len(text), maxConfig)
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return Config{}, errors.New("it is empty; it needs a type and a config with bucket and endpoint")
	} else if err != nil {
		return Config{}, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("it has more than one YAML document; leave one")
	}
	var raw thanosConfig
	if err := checkKeys(&document, &raw); err != nil {
		return Config{}, err
	}
	if err := document.Decode(&raw); err != nil {
		return Config{}, plainTypes(err)
	}
	return raw.config()
}

func (raw thanosConfig) config() (Config, error) {
	s3 := raw.Config
	switch {
	case !strings.EqualFold(raw.Type, "S3"):
		return Config{}, fmt.Errorf("the type is %q; only S3 is supported", raw.Type)
	case s3.Bucket == "":
		return Config{}, errors.New("it names no bucket; set config.bucket")
	case strings.ContainsAny(s3.Bucket, "/\\?#@: \t\r\n"):
		return Config{}, fmt.Errorf("%q is no bucket's name; a folder in it goes to prefix", s3.Bucket)
	case s3.Endpoint == "":
		return Config{}, errors.New("it names no endpoint; set config.endpoint, such as s3.eu-west-1.amazonaws.com")
	case strings.ContainsAny(s3.Endpoint, "/\\?#@ \t\r\n"):
		return Config{}, errors.New("the endpoint is no host or host:port; leave the scheme out, and set insecure: true for http")
	}
	lookup := Lookup(s3.Lookup)
	switch lookup {
	case "":
		lookup = LookupAuto
	case LookupAuto, LookupPath, LookupVirtualHost:
	default:
		return Config{}, fmt.Errorf("the bucket_lookup_type is %q; it may be auto, path or virtual-hosted", s3.Lookup)
	}
	if err := s3.SSE.check(); err != nil {
		return Config{}, err
	}
	prefix := strings.Trim(raw.Prefix, "/")
	if prefix != "" {
		if err := CheckKey(prefix); err != nil {
			return Config{}, fmt.Errorf("the prefix: %w", err)
		}
	}
	return Config{
		Bucket: s3.Bucket, Prefix: prefix, Endpoint: s3.Endpoint, Region: s3.Region, Insecure: s3.Insecure,
		Lookup: lookup, Encryption: Encryption(s3.SSE),
	}, nil
}

func (e sseConfig) check() error {
	switch {
	case e.Type != "" && e.Type != encryptS3 && e.Type != encryptKMS:
		return fmt.Errorf("the sse_config's type is %q; it may be %s or %s", e.Type, encryptS3, encryptKMS)
	case e.Type == encryptKMS && e.KMSKey == "":
		return fmt.Errorf("%s without a kms_key_id; name the key", encryptKMS)
	case e.Type != encryptKMS && (e.KMSKey != "" || e.KMSContext != nil):
		return fmt.Errorf("a KMS key without sse_config's type %s; set it", encryptKMS)
	}
	return nil
}
