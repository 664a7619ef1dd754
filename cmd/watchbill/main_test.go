package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"watchbill": main})
}

// TestScript runs every command as a person does, with its exit code.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   exitCode,
			"commit": commit,
			"splice": splice,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "cluster" {
				return os.Getenv("WATCHBILL_TEST_KUBECONFIG") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// setup gives scripts that need one a namespace of their own on the API server of the tests.
func setup(env *testscript.Env) error {
	env.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	env.Setenv("WATCHBILL_CACHE_DIR", filepath.Join(env.WorkDir, "cache"))
	env.Setenv("KUBECONFIG", filepath.Join(env.WorkDir, "no-kubeconfig"))
	path := os.Getenv("WATCHBILL_TEST_KUBECONFIG")
	if path == "" {
		return nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ns, err := client.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "script-"},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	env.Defer(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{})
	})
	env.Setenv("CLUSTER", path)
	env.Setenv("NAMESPACE", ns.Name)
	return nil
}

// exitCode runs a command and wants it to end with this code: code 2 watchbill diff
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = fmt.Sprint(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// commit makes a folder a git repository and commits all of it: commit DIR MESSAGE
func commit(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	for _, git := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "-A"},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", args[1]},
	} {
		ts.Check(ts.Exec("git", append([]string{"-C", dir}, git...)...))
	}
}

// splice replaces the first occurrence of a text in a file: splice FILE OLD NEW
func splice(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	old, replacement := strings.ReplaceAll(args[1], `\n`, "\n"), strings.ReplaceAll(args[2], `\n`, "\n")
	old, replacement = os.Expand(old, ts.Getenv), os.Expand(replacement, ts.Getenv)
	if !strings.Contains(text, old) {
		ts.Fatalf("%s does not contain %q", args[0], old)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, old, replacement, 1)), 0o644))
}
