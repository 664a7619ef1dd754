package github

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
)

// prism is a running validating proxy.
type prism struct {
	url     string
	command *exec.Cmd
	cancel  func()
	ended   chan struct{} // closed when it has
}

var listening = regexp.MustCompile(`Prism is listening on (http://[0-9.:]+)`)

// startPrism starts the program before an upstream, and waits until it takes requests.
func startPrism(ctx context.Context, program, file, upstream string) (*prism, error) {
	// It ends with end or with us, not with the context of its start.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &prism{cancel: cancel, ended: make(chan struct{})}
	p.command = exec.CommandContext(life, program, "proxy", file, upstream, "--errors", "--cors=false", "--port", "0")
	p.command.SysProcAttr = dieWithUs()
	output, err := p.command.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	p.command.Stderr = p.command.Stdout
	url, failed := make(chan string, 1), make(chan error, 1)
	go p.run(output, url, failed)
	select {
	case p.url = <-url:
		return p, nil
	case err := <-failed:
		p.end()
		return nil, fmt.Errorf("start Prism: %w", err)
	case <-ctx.Done():
		p.end()
		return nil, fmt.Errorf("start Prism: %w", ctx.Err())
	}
}

// run runs it until it ends.
func (p *prism) run(output io.Reader, url chan<- string, failed chan<- error) {
	// A child that is to die with us dies with the thread that started it, so this one has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	if err := p.command.Start(); err != nil {
		failed <- err
		return
	}
	words := address(output, url)
	// What follows holds the requests' paths only, and we record these ourselves.
	_, _ = io.Copy(io.Discard, output)
	err := p.command.Wait()
	failed <- fmt.Errorf("it ended (%w) and said\n%s", err, words)
}

// address sends the address that the output tells, or returns what it tells instead.
func address(output io.Reader, url chan<- string) string {
	var words strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			url <- found[1]
			return ""
		}
		fmt.Fprintln(&words, lines.Text())
	}
	return words.String()
}

// end ends it, and waits until it has ended.
func (p *prism) end() {
	p.cancel()
	<-p.ended
}
