package render

import (
	"bytes"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// objectStore is the bucket as Thanos and Watchbill are told of it, in Thanos's
// own format. It never holds a key: those come by the environment, see [awsKeys].
type objectStore struct {
	Type   string   `yaml:"type"`
	Config s3Config `yaml:"config"`
	Prefix string   `yaml:"prefix,omitempty"`
}

type s3Config struct {
	Bucket     string `yaml:"bucket"`
	Endpoint   string `yaml:"endpoint"`
	Region     string `yaml:"region,omitempty"`
	Insecure   bool   `yaml:"insecure,omitempty"`
	LookupType string `yaml:"bucket_lookup_type,omitempty"`
	SSE        *s3SSE `yaml:"sse_config,omitempty"`
}

type s3SSE struct {
	Type   string `yaml:"type"`
	KMSKey string `yaml:"kms_key_id,omitempty"`
}

// objectStoreFlag is the flag that Thanos and Watchbill take the bucket by.
func objectStoreFlag(o *repolayout.ObjectStore) (string, error) {
	endpoint, insecure := strings.CutPrefix(o.Endpoint, "http://")
	out := objectStore{Type: "S3", Prefix: o.Prefix, Config: s3Config{
		Bucket: o.Bucket, Endpoint: strings.Trim(strings.TrimPrefix(endpoint, "https://"), "/"), Region: o.Region, Insecure: insecure,
	}}
	if o.Endpoint == "" {
		out.Config.Endpoint = awsEndpoint(o.Region)
	}
	if o.PathStyle {
		out.Config.LookupType = "path"
	}
	if o.Encryption != nil {
		out.Config.SSE = &s3SSE{Type: o.Encryption.Type, KMSKey: o.Encryption.KMSKey}
	}
	return yamlFlag("--objstore.config", out)
}

// awsEndpoint is AWS's own server, which Thanos wants by name. China's regions are in a domain of their own.
func awsEndpoint(region string) string {
	switch {
	case region == "":
		return "s3.amazonaws.com"
	case strings.HasPrefix(region, "cn-"):
		return "s3." + region + ".amazonaws.com.cn"
	}
	return "s3." + region + ".amazonaws.com"
}

// yamlFlag is a flag that takes a YAML document.
func yamlFlag(name string, v any) (string, error) {
	var text bytes.Buffer
	if err := writeYAML(&text, "", v); err != nil {
		return "", fmt.Errorf("write the value of %s: %w", name, err)
	}
	return name + "=" + literal(text.String()), nil
}

// awsKeys are the keys to the bucket, as every S3 client reads them. The Secret
// may come later than the pod; without one, the pods' identity is asked of the cloud.
func awsKeys(o *repolayout.ObjectStore) []corev1.EnvVar {
	if o == nil || o.Secret == "" {
		return nil
	}
	return []corev1.EnvVar{
		fromSecret("AWS_ACCESS_KEY_ID", o.Secret, "access-key-id", true),
		fromSecret("AWS_SECRET_ACCESS_KEY", o.Secret, "secret-access-key", true),
	}
}
