package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
)

const (
	readTimeout = 10 * time.Second // for each question to the process
	maxWords    = 2 << 10          // of a process, in a report
)

// kind is what differs between the components.
type kind struct {
	name  string
	stamp stamp
	// markIsDigest says that the mark names its bundle even if that is not on the volume.
	markIsDigest bool
	unmarked     string // what may be wrong where it shows no mark
	reload       string // path of the request that has the process read its files again
	read         func(ctx context.Context, p *process) (running, error)
}

var kinds = map[string]kind{
	bundle.Prometheus:   prometheusKind,
	bundle.Alertmanager: alertmanagerKind,
	bundle.Grafana:      grafanaKind,
}

// running is what a process says about itself.
type running struct {
	mark   string    // tells which bundle, see stamp
	ok     bool      // its last reload took
	loaded time.Time // when a reload took last
}

// refusal is a process's answer that it does not take what it was told to load.
type refusal struct{ words string }

func (r *refusal) Error() string { return r.words }

// answerError is an answer of the process with another code than 200.
type answerError struct{ code int }

func (e *answerError) Error() string { return fmt.Sprintf("%d %s", e.code, http.StatusText(e.code)) }

// process is the program beside the agent, spoken to over loopback.
type process struct {
	kind
	http           *http.Client
	base           *url.URL
	user, password string
}

func newProcess(k kind, address string) (*process, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("the address %q of %s is no URL; write http://127.0.0.1:PORT", address, k.name)
	}
	return &process{kind: k, base: base, http: &http.Client{
		Transport: &http.Transport{ // no proxy: it is on loopback
			DisableCompression: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (p *process) request(ctx context.Context, method string, u *url.URL) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err == nil && p.user != "" {
		request.SetBasicAuth(p.user, p.password)
	}
	return request, err
}

// reload has the process read its files again. It returns a *[refusal] if the process does not take them.
func (p *process) reload(ctx context.Context) error {
	request, err := p.request(ctx, http.MethodPost, p.base.JoinPath(p.kind.reload))
	if err != nil {
		return err
	}
	// Says to net/http, and not to the process, that it may send again on a new
	// connection what went into one that was closed meanwhile.
	request.Header["Idempotency-Key"] = nil
	response, err := p.http.Do(request)
	if err != nil {
		return fmt.Errorf("reload %s: %w", p.name, err)
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(response.Body, maxWords))
	words := strings.ToValidUTF8(strings.TrimSpace(string(raw)), "\uFFFD")
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusInternalServerError:
		return &refusal{words: words}
	case http.StatusForbidden:
		return fmt.Errorf("reload %s: %s; start it with --web.enable-lifecycle", p.name, words)
	case http.StatusUnauthorized:
		return fmt.Errorf("reload %s: it wants a user and a password; are admin-user and admin-password in its Secret?", p.name)
	}
	return fmt.Errorf("reload %s: it answers %s: %s", p.name, response.Status, words)
}

// ask sends a GET and has the answer read if its code is 200.
func (p *process) ask(ctx context.Context, path string, query url.Values, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	u := p.base.JoinPath(path)
	u.RawQuery = query.Encode()
	request, err := p.request(ctx, http.MethodGet, u)
	if err != nil {
		return err
	}
	response, err := p.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s what it runs: %w", p.name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s what it runs: %s answers %w", p.name, path, &answerError{response.StatusCode})
	}
	if err := read(response.Body); err != nil {
		return fmt.Errorf("ask %s what it runs: %s: %w", p.name, path, err)
	}
	return nil
}

// gauges asks /metrics for a few metrics without labels. All of them must be there.
func (p *process) gauges(ctx context.Context, names ...string) ([]float64, error) {
	var values []float64
	err := p.ask(ctx, "metrics", url.Values{"name[]": names}, func(r io.Reader) (err error) {
		values, err = parseGauges(r, names)
		return err
	})
	return values, err
}

// parseGauges picks metrics without labels from the text format and stops when it has them. A process
// that knows name[] sends nothing else, an older one sends everything it has.
func parseGauges(r io.Reader, names []string) ([]float64, error) {
	values, left := make([]float64, len(names)), len(names)
	seen := make([]bool, len(names))
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for left > 0 && lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		i := slices.Index(names, name)
		if i < 0 || seen[i] {
			continue
		}
		text, _, _ := strings.Cut(strings.TrimSpace(rest), " ") // a time may follow
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
		values[i], seen[i] = value, true
		left--
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if left > 0 {
		return nil, fmt.Errorf("metric %s is not there", names[slices.Index(seen, false)])
	}
	return values, nil
}

// seconds is a metric's Unix time.
func seconds(value float64) (time.Time, error) {
	if math.IsNaN(value) || value < 0 || value > 1e11 {
		return time.Time{}, errors.New("a time that is none")
	}
	return time.UnixMicro(int64(math.Round(value * 1e6))), nil
}
