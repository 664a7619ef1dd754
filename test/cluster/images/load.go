package images

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Namespace is the part of containerd that the kubelet uses.
const Namespace = "k8s.io"

// Load hands the image to the containerd behind the socket and tells whether it had to: an image of that name and
// content is left alone.
func Load(ctx context.Context, socket string, image *Image) (bool, error) {
	have, err := ctr(ctx, socket, "images", "list", "name=="+image.Name).Output()
	if err != nil {
		return false, fmt.Errorf("list images: %w", explain(err))
	}
	if strings.Contains(string(have), image.Digest()) {
		return false, nil
	}
	load := ctr(ctx, socket, "images", "import", "-")
	stdin, err := load.StdinPipe()
	if err != nil {
		return false, err
	}
	written := make(chan error, 1)
	go func() {
		defer stdin.Close()
		written <- image.Write(stdin)
	}()
	_, err = load.Output()
	if wrote := <-written; wrote != nil && err == nil {
		err = wrote
	}
	if err != nil {
		return false, fmt.Errorf("import %s: %w", image.Name, explain(err))
	}
	return true, nil
}

func ctr(ctx context.Context, socket string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", Namespace}, args...)...)
}

// explain adds what a command said on its way out.
func explain(err error) error {
	if exit, ok := err.(*exec.ExitError); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}
