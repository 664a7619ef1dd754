package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// Forward opens a port of this machine's loopback for a port of a pod, until
// Close, and returns it as host:port. Local 0 takes any free port.
func (s *Stack) Forward(ctx context.Context, pod string, port, local int) (string, error) {
	transport, upgrader, err := spdy.RoundTripperFor(s.Config)
	if err != nil {
		return "", fmt.Errorf("forward a port of %s: %w", pod, err)
	}
	url := s.Client.CoreV1().RESTClient().Post().Namespace(s.Namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	f, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("%d:%d", local, port)}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return "", fmt.Errorf("forward a port of %s: %w", pod, err)
	}
	go func() { ended <- f.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		return "", fmt.Errorf("forward a port of %s: %w", pod, err)
	case <-ctx.Done():
		close(stop)
		return "", errors.Join(context.Cause(ctx), <-ended)
	}
	ports, err := f.GetPorts()
	s.closers = append(s.closers, func() error { close(stop); <-ended; return nil })
	if err != nil {
		return "", fmt.Errorf("forward a port of %s: %w", pod, err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), nil
}
