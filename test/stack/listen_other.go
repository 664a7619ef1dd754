//go:build !linux

package stack

import (
	"errors"
	"net"
)

func listenInside(int, string) (net.Listener, error) {
	return nil, errors.New("the local cluster runs on Linux only; set KUBECONFIG to use another one")
}
