package github

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Prism goes with the process that started it, even if that is killed.
func TestPrismDiesWithUs(t *testing.T) {
	if program := os.Getenv("WATCHBILL_TEST_CHILD"); program != "" {
		beKilled(t, program)
	}
	program := filepath.Join(t.TempDir(), "prism")
	script := "#!/bin/sh\necho Prism is listening on http://127.0.0.1:1\nexec sleep 3600\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPrismDiesWithUs$")
	parent.Env = append(os.Environ(), "WATCHBILL_TEST_CHILD="+program)
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := parent.StdinPipe() // open, so that it waits
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	handle, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatalf("it is gone already: %v", err)
	}
	defer unix.Close(handle)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	// Readable once it has ended; a minute is for a test that fails.
	polled := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
	n, err := unix.Poll(polled, 60_000)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(polled, 60_000)
	}
	if n != 1 {
		t.Errorf("it lives on: %v", err)
		_ = unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0)
	}
}

// beKilled starts the program, says its process id, and waits.
func beKilled(t *testing.T, program string) {
	p, err := startPrism(t.Context(), program, "", "")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(p.command.Process.Pid)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
}
