package compact

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRealDiskFull(t *testing.T) {
	for _, size := range []string{"64k", "96k"} {
		t.Run(size, func(t *testing.T) {
			b := newBucket(t)
			b.fill(12, `env="prod"`)
			o := b.options()
			o.Dir = t.TempDir()
			if err := syscall.Mount("tmpfs", o.Dir, "tmpfs", 0, "size="+size); err != nil {
				t.Skipf("needs the right to mount a small disk: %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(o.Dir, 0); err != nil {
					t.Error(err)
				}
			})
			before := len(b.blocks())
			b.wants(Run(t.Context(), o), DiskFull)
			if after := len(b.blocks()); after != before {
				t.Errorf("%d blocks before, %d after", before, after)
			}
		})
	}
}

const orphanFile = "WATCHBILL_TEST_ORPHAN"

// TestTheChildDiesWithUs is run twice: the test, and in it a process that is killed.
func TestTheChildDiesWithUs(t *testing.T) {
	if file := os.Getenv(orphanFile); file != "" {
		Run(t.Context(), Options{Thanos: file + ".sh", Dir: t.TempDir()})
		return
	}
	file := filepath.Join(t.TempDir(), "pid")
	script := "#!/bin/sh\necho $$ > " + file + ".part && mv " + file + ".part " + file + "\nexec sleep 600\n"
	if err := os.WriteFile(file+".sh", []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestTheChildDiesWithUs$")
	parent.Env = append(os.Environ(), orphanFile+"="+file)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := 0
	within(t, "the child starts", func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		child, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	within(t, "the child ends", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ") // its new parent may not have buried it
	})
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
