package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestRunServesUntilItsEnd(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	env := map[string]string{"GF_PATHS_PROVISIONING": t.TempDir(), "GF_SERVER_HTTP_ADDR": "127.0.0.1", "GF_SERVER_HTTP_PORT": "0"}
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
		ended <- run(ctx, lookup, slog.New(slog.NewTextHandler(write, nil)))
		_ = write.Close()
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("%v; it ended with %v", err, <-ended)
	}
	_, address, _ := strings.Cut(strings.TrimSpace(line), "address=")
	answer, err := http.Get("http://" + address + "/api/health")
	if err != nil {
		t.Fatalf("%v, after the line %s", err, line)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"database":"ok"`) {
		t.Errorf("it answers %s, %v", body, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunSaysWhyItDoesNotStart(t *testing.T) {
	env := map[string]string{"GF_SECURITY_ADMIN_PASSWORD__FILE": "/nowhere"}
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	if err := run(t.Context(), lookup, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "GF_SECURITY_ADMIN_PASSWORD__FILE") {
		t.Errorf("it ended with %v", err)
	}
}
