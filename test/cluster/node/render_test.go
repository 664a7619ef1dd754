package node

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

func rendered(t *testing.T, config Config) Config {
	t.Helper()
	config.Name, config.Dir, config.Port, config.EtcdPort, config.PeerPort = "demo", t.TempDir(), 12345, 2379, 2380
	if err := config.Render(time.Now()); err != nil {
		t.Fatal(err)
	}
	return config
}

func content(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRenderWritesReadableFiles(t *testing.T) {
	config := rendered(t, Config{})
	for _, name := range []string{"kubelet.yaml", "kube-proxy.yaml", "scheduler.yaml"} {
		var object struct{ Kind, APIVersion string }
		if err := yaml.Unmarshal(content(t, config.Etc(), name), &object); err != nil || object.Kind == "" || object.APIVersion == "" {
			t.Errorf("%s: %+v, %v", name, object, err)
		}
	}
	if text := content(t, config.Etc(), "cni", "pods.conflist"); !json.Valid(text) {
		t.Errorf("pods.conflist is no JSON: %s", text)
	}
	for _, name := range []string{"kubelet.yaml", "kube-proxy.yaml", "containerd.toml", "Corefile", "resolv.conf"} {
		if text := string(content(t, config.Etc(), name)); strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
			t.Errorf("%s has a gap:\n%s", name, text)
		}
	}
}

func TestKubeconfigs(t *testing.T) {
	config := rendered(t, Config{})
	for file, server := range map[string]string{
		config.Kubeconfig(): "https://127.0.0.1:12345",
		filepath.Join(config.Etc(), "kubelet.kubeconfig"): "https://10.255.0.1:6443",
	} {
		loaded, err := clientcmd.LoadFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if loaded.CurrentContext != "watchbill-demo" || loaded.Clusters["watchbill-demo"].Server != server {
			t.Errorf("%s: context %s, clusters %+v", file, loaded.CurrentContext, loaded.Clusters)
		}
	}
}

// What a certificate says is who Kubernetes takes its holder for.
func TestCertificates(t *testing.T) {
	config := rendered(t, Config{})
	authorities := x509.NewCertPool()
	authorities.AddCert(certificate(t, config, "ca"))
	kubelet := certificate(t, config, "kubelet")
	if got := kubelet.Subject.String(); got != "CN=system:node:demo-node,O=system:nodes" {
		t.Errorf("kubelet is %s", got)
	}
	for _, host := range []string{"127.0.0.1", Address, APIService, "kubernetes.default.svc.cluster.local"} {
		options := x509.VerifyOptions{Roots: authorities, DNSName: host}
		if _, err := certificate(t, config, "apiserver").Verify(options); err != nil {
			t.Errorf("the API server as %s: %v", host, err)
		}
	}
	if block, _ := pem.Decode(content(t, config.PKI(), "service-accounts.pub")); block == nil || block.Type != "PUBLIC KEY" {
		t.Errorf("the service accounts' public key is %v", block)
	}
}

func certificate(t *testing.T, config Config, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(content(t, config.PKI(), name+".crt"))
	if block == nil {
		t.Fatalf("%s.crt is not PEM", name)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestControlPlaneOnlyStaysOnTheLoopback(t *testing.T) {
	config := rendered(t, Config{ControlPlaneOnly: true})
	specs := config.specs()
	if len(specs) != 2 {
		t.Fatalf("%d components, want etcd and the API server", len(specs))
	}
	for _, spec := range specs {
		line := strings.Join(spec.argv, " ")
		if strings.Contains(line, "0.0.0.0") || strings.Contains(line, Address) {
			t.Errorf("%s leaves the loopback: %s", spec.name, line)
		}
	}
	if line := strings.Join(config.apiserver().argv, " "); !strings.Contains(line, "--secure-port=12345") {
		t.Errorf("the API server is not on the port of the kubeconfig: %s", line)
	}
}

func TestCommandLinesAreStable(t *testing.T) {
	config := Config{Name: "demo", Dir: "/d"}
	for range 20 {
		first, second := config.apiserver().argv, config.apiserver().argv
		if strings.Join(first, " ") != strings.Join(second, " ") {
			t.Fatalf("%v\n%v", first, second)
		}
	}
}
