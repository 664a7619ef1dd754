package node

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/watchbill/watchbill/test/cluster/host"
	"github.com/watchbill/watchbill/test/cluster/pki"
)

//go:embed etc
var etc embed.FS

var templates = template.Must(template.ParseFS(etc, "etc/*"))

// values are what the templates in etc may use besides the cluster's own Config.
type values struct {
	Config
	Address, Pods, Domain, PauseImage, Containerd, CNIPrograms string
}

// Render writes everything that the components read: certificates, kubeconfigs and configuration files.
func (c Config) Render(now time.Time) error {
	for _, dir := range []string{c.Etc(), filepath.Join(c.Etc(), "cni"), c.Logs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := c.certify(now); err != nil {
		return err
	}
	if err := c.kubeconfig(c.Kubeconfig(), "admin", fmt.Sprintf("https://127.0.0.1:%d", c.Port)); err != nil {
		return err
	}
	for _, client := range []string{"controller-manager", "scheduler", "kubelet", "proxy", "coredns"} {
		file := filepath.Join(c.Etc(), client+".kubeconfig")
		if err := c.kubeconfig(file, client, fmt.Sprintf("https://%s:%d", c.advertised(), c.apiPort())); err != nil {
			return err
		}
	}
	return c.files()
}

// files writes the configuration files.
func (c Config) files() error {
	for name, file := range map[string]string{
		"kubelet.yaml":    "kubelet.yaml",
		"kube-proxy.yaml": "kube-proxy.yaml",
		"scheduler.yaml":  "scheduler.yaml",
		"containerd.toml": "containerd.toml",
		"pods.conflist":   "cni/pods.conflist",
		"Corefile":        "Corefile",
		"resolv.conf":     "resolv.conf",
	} {
		text, err := execute(name, values{c, Address, Pods, Domain, PauseImage, containerd, host.CNI})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(c.Etc(), file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func execute(name string, data any) ([]byte, error) {
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, name, data)
	return text.Bytes(), err
}

// certify makes the authority and everybody's certificate.
func (c Config) certify(now time.Time) error {
	authority, err := pki.New(c.PKI(), now)
	if err != nil {
		return err
	}
	masters := []string{"system:masters"}
	for file, subject := range map[string]pki.Subject{
		"apiserver": {Name: "kube-apiserver", Hosts: []string{
			"127.0.0.1", "localhost", Address, APIService,
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + Domain,
		}},
		"apiserver-kubelet":  {Name: "kube-apiserver-kubelet-client", Groups: masters},
		"admin":              {Name: "watchbill-admin", Groups: masters},
		"controller-manager": {Name: "system:kube-controller-manager"},
		"scheduler":          {Name: "system:kube-scheduler"},
		"proxy":              {Name: "system:kube-proxy"},
		"coredns":            {Name: "coredns", Groups: masters},
		"kubelet":            {Name: "system:node:" + c.Node(), Groups: []string{"system:nodes"}},
		"node":               {Name: c.Node(), Hosts: []string{Address, "127.0.0.1", c.Node()}},
	} {
		if err := authority.Issue(file, subject); err != nil {
			return err
		}
	}
	return authority.KeyPair("service-accounts")
}

// kubeconfig writes a kubeconfig with the client's certificate and key inside, so that the file can be copied elsewhere.
func (c Config) kubeconfig(file, client, server string) error {
	data := map[string]string{"Context": c.Context(), "Server": server}
	for key, name := range map[string]string{"Authority": "ca.crt", "Certificate": client + ".crt", "Key": client + ".key"} {
		content, err := os.ReadFile(filepath.Join(c.PKI(), name))
		if err != nil {
			return err
		}
		data[key] = base64.StdEncoding.EncodeToString(content)
	}
	text, err := execute("kubeconfig", data)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
