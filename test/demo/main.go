// Command demo shows Watchbill at work, on a cluster of its own: everything is
// brought up, a change goes from push to proven live, Prometheus refuses
// another one, a Prometheus goes and its samples stay, and then the stage is yours.
//
//	make demo             # stays until Ctrl-C
//	make demo ONESHOT=1   # ends by itself: 0 if all was as promised, else 1
//
// Nothing that it prints is known beforehand: all of it is read from the
// running system, and whatever is not as promised ends the demo with exit code 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	oneshot := flags.Bool("oneshot", false, "end after the last act, and remove the cluster if it was not there before")
	name := flags.String("name", "demo", "name of the local cluster")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	d := &demo{screen: newScreen(os.Stdout), oneshot: *oneshot, name: *name}
	err := d.play(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		d.screen.note("stopped")
	default:
		d.screen.fault(err)
	}
	return 1
}

// demo is one showing.
type demo struct {
	screen  *screen
	oneshot bool
	name    string
	stack   *stack.Stack
}

// play shows every act, and ends what it began.
func (d *demo) play(ctx context.Context) (err error) {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	if err := d.merge(ctx); err != nil {
		return err
	}
	if err := d.refuse(ctx); err != nil {
		return err
	}
	if err := d.keep(ctx); err != nil {
		return err
	}
	return d.handOver(ctx)
}

// begin brings everything up.
func (d *demo) begin(ctx context.Context) error {
	start := time.Now()
	d.screen.title("A cluster, a git server with a monitoring repo, and Watchbill installed from deploy/")
	ctx, cancel := context.WithTimeout(ctx, 45*time.Minute) // the programs' first build takes long
	defer cancel()
	root, err := stack.Root()
	if err != nil {
		return err
	}
	d.stack, err = stack.Up(ctx, stack.Options{
		Name: d.name, Dir: filepath.Join(root, "build", "demo"), Prepare: d.startOver, Progress: d.screen.progress(), Ephemeral: d.oneshot,
	})
	if err != nil {
		return err
	}
	head, err := d.stack.Repo.Head(ctx)
	if err != nil {
		return err
	}
	record, err := d.stack.Await(ctx, head)
	if err != nil {
		return err
	}
	text, err := d.stack.AllLive(ctx, record)
	if err != nil {
		return err
	}
	d.screen.ok("revision %.8s is live on %s; all up in %.0f s", head, text, time.Since(start).Seconds())
	return nil
}

// startOver makes the repository what the example is, on top of what earlier
// showings and people did: their commits stay in its history.
func (d *demo) startOver(ctx context.Context, repo *stack.Repo) error {
	kept, err := repo.Reset(ctx)
	if kept != "" {
		d.screen.note("changes that were not pushed are kept in %s", kept)
	}
	if err != nil {
		return err
	}
	// Nobody waits here for minutes until Thanos Store sees a new block.
	return repo.Replace(environmentFile, "store:\n", "store:\n  syncInterval: 5s\n")
}

// end ends what runs here, and says what stays.
func (d *demo) end() error {
	err := d.stack.Close()
	c := d.stack.Cluster
	switch {
	case c == nil:
		d.screen.note("Watchbill stays in namespace %s; remove it with: kubectl delete namespace %[1]s", d.stack.Namespace)
	case d.oneshot && c.Created:
	case d.name == "demo":
		d.screen.note("The cluster runs on, so that the next demo starts at once; remove it with: make cluster-down")
	default:
		d.screen.note("The cluster runs on; remove it with: %s", c.DownCommand())
	}
	return err
}

var errPromise = errors.New("not as promised")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errPromise}, args...)...)
}
