package render_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
)

// program is the path of a real program, which `make test` builds.
func program(t *testing.T, name string) string {
	t.Helper()
	path := os.Getenv("WATCHBILL_" + name)
	if path == "" {
		t.Skipf("WATCHBILL_%s is not set: `make test` builds the program and runs this test with it", name)
	}
	return path
}

// TestThanosTakesItsFlags starts the real program with the arguments of each of
// its containers, until it has read all of them and the configurations in them.
func TestThanosTakesItsFlags(t *testing.T) {
	thanos := program(t, "THANOS")
	seen := map[string]bool{}
	for _, c := range cases(t) {
		for _, s := range podSets(c) {
			for _, container := range containers(s) {
				if s.kind == "Job" || !strings.Contains(container.Image, "/thanos:") {
					continue
				}
				seen[container.Args[0]] = true
				t.Run(c.name+"/"+s.name, func(t *testing.T) {
					starts(t, thanos, local(t, container, ""), `"msg":"starting `)
				})
			}
		}
	}
	for _, name := range []string{"sidecar", "query", "query-frontend", "store"} {
		if !seen[name] {
			t.Errorf("no thanos %s was rendered", name)
		}
	}
}

// TestPrometheusTakesItsFlags: the real Prometheus runs the rendered configuration of each shard.
func TestPrometheusTakesItsFlags(t *testing.T) {
	prometheus := program(t, "PROMETHEUS")
	for _, c := range cases(t) {
		for _, s := range podSets(c) {
			if s.template.Labels["app.kubernetes.io/name"] != bundle.Prometheus {
				continue
			}
			t.Run(c.name+"/"+s.name, func(t *testing.T) {
				dir := write(t, append(c.files[bundle.Prometheus], bundle.File{Path: "bundle.rules.yaml", Content: "groups: []\n"}))
				args := append(local(t, s.template.Spec.Containers[0], dir), "--web.listen-address=127.0.0.1:0")
				starts(t, prometheus, args, `"msg":"Server is ready to receive web requests."`)
			})
		}
	}
}

// local are a container's arguments with folders of the test's own in place of
// its volumes, and ports that the kernel chooses.
func local(t *testing.T, c corev1.Container, current string) []string {
	t.Helper()
	data := t.TempDir()
	var out []string
	for _, arg := range c.Args {
		name, value, _ := strings.Cut(arg, "=")
		if strings.HasSuffix(name, "-address") {
			arg = name + "=127.0.0.1:0"
		}
		for _, m := range c.VolumeMounts {
			switch rest, ok := strings.CutPrefix(value, m.MountPath); {
			case ok && m.Name == "bundle":
				arg = name + "=" + current + strings.TrimPrefix(rest, "/current")
			case ok && m.Name == "data":
				arg = name + "=" + data + rest
			}
		}
		out = append(out, arg)
	}
	return out
}

// starts runs a program until its log says that it has started.
func starts(t *testing.T, path string, args []string, started string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	// The credentials keep it from asking a cloud who it is.
	cmd.Env = []string{"POD_NAME=pod-0", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "HOME=" + t.TempDir()}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var said []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), started) {
			return
		}
		said = append(said, lines.Text())
	}
	t.Errorf("%s %s\nended before it had started:\n%s", path, strings.Join(args, "\n  "), strings.Join(said, "\n"))
}
