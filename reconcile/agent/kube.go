package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/render/bundle"
)

const (
	// maxObject bounds what is read of one ConfigMap: 1 MiB, each byte of it up to six in JSON.
	maxObject = 8 << 20
	// answerTimeout is for the API server's answers, the watch's stream excepted.
	answerTimeout = 30 * time.Second
	// watchSeconds is how long a watch is asked to last. The server then ends it, and it is resumed.
	watchSeconds = 290
)

// kube reads ConfigMaps of one namespace. It is client-go's transport (TLS,
// tokens that are renewed on disk, HTTP/2 with health checks) and plain JSON of
// the few fields that matter: a typed clientset would cost more memory than all
// the rest of the agent.
type kube struct {
	http *http.Client
	base *url.URL // of the namespace's ConfigMaps
}

// configMap is what an agent reads of a ConfigMap.
type configMap struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// statusError is an answer of the API server other than 200.
type statusError struct {
	code       int
	message    string
	retryAfter time.Duration
}

func (e *statusError) Error() string { return e.message }

func newKube(config *rest.Config, namespace string) (*kube, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0               // would end the watch
	config.DisableCompression = true // loses more time than it saves inside a cluster
	if config.UserAgent == "" {
		config.UserAgent = "watchbill-agent"
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	return &kube{http: client, base: server.JoinPath("api/v1/namespaces", namespace, "configmaps")}, nil
}

// chunk fetches a chunk and holds it against its digest.
func (k *kube) chunk(ctx context.Context, component, digest string) (*bundle.Chunk, error) {
	name := bundle.Name(component, digest)
	var found configMap
	if err := k.get(ctx, k.base.JoinPath(name), &found); err != nil {
		return nil, fmt.Errorf("fetch chunk %s: %w", name, err)
	}
	if got := bundle.DataDigest(found.Data); got != digest {
		return nil, fmt.Errorf("fetch chunk %s: its content has the digest %s, the index names %s", name, got, digest)
	}
	return &bundle.Chunk{Digest: digest, Data: found.Data}, nil
}

// one returns the ConfigMap, nil if there is none, and the version to watch it from. It is a list of
// one because the version of the object itself may be older than what the server can still watch from.
func (k *kube) one(ctx context.Context, name string) (*configMap, string, error) {
	var list struct {
		configMap
		Items []configMap `json:"items"`
	}
	if err := k.get(ctx, k.query(name, nil), &list); err != nil {
		return nil, "", err
	}
	if len(list.Items) == 0 {
		return nil, list.Metadata.ResourceVersion, nil
	}
	return &list.Items[0], list.Metadata.ResourceVersion, nil
}

func (k *kube) query(name string, more url.Values) *url.URL {
	values := url.Values{"fieldSelector": {"metadata.name=" + name}}
	for key, value := range more {
		values[key] = value
	}
	u := *k.base
	u.RawQuery = values.Encode()
	return &u
}

func (k *kube) get(ctx context.Context, u *url.URL, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	body, err := k.open(ctx, u)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxObject)).Decode(into); err != nil {
		return fmt.Errorf("read the API server's answer: %w", err)
	}
	return nil
}

// open returns the body of an answer with code 200; the caller closes it.
func (k *kube) open(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := k.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	return nil, asStatusError(response)
}

func asStatusError(response *http.Response) error {
	var status struct {
		Message string `json:"message"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if json.Unmarshal(raw, &status) != nil || status.Message == "" {
		status.Message = "the API server answers " + response.Status
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return &statusError{
		code: response.StatusCode, message: status.Message,
		retryAfter: min(time.Duration(max(seconds, 0))*time.Second, answerTimeout),
	}
}
