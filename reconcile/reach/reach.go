// Package reach is the way from the daemon to the pods of its environment: from
// inside the cluster at their addresses, from outside by way of the API server.
package reach

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
)

// Way leads to pods. Its client has no timeout of its own.
type Way struct {
	Client *http.Client
	url    func(pod, address string, port int) (*url.URL, error)
}

// URL is where a pod answers on a port. The address is the pod's IP; it may hold
// a port of its own, which then counts.
func (w Way) URL(pod, address string, port int) (*url.URL, error) { return w.url(pod, address, port) }

// Direct goes to the pods' addresses. It is for a daemon inside the cluster.
func Direct() Way {
	client := &http.Client{Transport: &http.Transport{ // no proxy: pods are in the same network
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}}
	return Way{client, func(pod, address string, port int) (*url.URL, error) {
		if address == "" {
			return nil, fmt.Errorf("pod %s has no address yet", pod)
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(address, strconv.Itoa(port))
		}
		return &url.URL{Scheme: "http", Host: address, Path: "/"}, nil
	}}
}

// ThroughAPIServer goes by way of the API server's proxy to pods. It is for who
// is outside, and needs the right to get pods/proxy.
func ThroughAPIServer(config *rest.Config, namespace string) (Way, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0 // each question's own context ends it
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return Way{}, fmt.Errorf("make a client for the API server: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return Way{}, fmt.Errorf("read the API server's address: %w", err)
	}
	pods := server.JoinPath("api/v1/namespaces", namespace, "pods")
	return Way{client, func(pod, _ string, port int) (*url.URL, error) {
		return pods.JoinPath(pod+":"+strconv.Itoa(port), "proxy/"), nil
	}}, nil
}
