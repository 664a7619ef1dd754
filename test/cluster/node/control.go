package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// listen serves the control socket, by which a cluster's components are asked about, stopped and started.
func (s *Supervisor) listen() error {
	socket, err := net.Listen("unix", s.config.Control())
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /components", s.serveStatus)
	routes.HandleFunc("POST /components/{name}/stop", s.serveStop)
	routes.HandleFunc("POST /components/{name}/start", s.serveStart)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(socket) }() // ends with the process
	return nil
}

func (s *Supervisor) serveStatus(w http.ResponseWriter, _ *http.Request) {
	all := []ComponentStatus{}
	for _, c := range s.components {
		all = append(all, c.status())
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}

func (s *Supervisor) serveStop(w http.ResponseWriter, r *http.Request) {
	c := s.component(r.PathValue("name"))
	if c == nil {
		http.Error(w, "no such component", http.StatusNotFound)
		return
	}
	grace := endGrace
	if r.URL.Query().Has("kill") {
		grace = 0
	}
	c.stop(grace)
}

// serveStart starts a component and, of those that everything else hangs on, waits until the API server is ready again.
func (s *Supervisor) serveStart(w http.ResponseWriter, r *http.Request) {
	c := s.component(r.PathValue("name"))
	if c == nil {
		http.Error(w, "no such component", http.StatusNotFound)
		return
	}
	err := c.start()
	apiserver := s.component("apiserver").status()
	if err == nil && (c.name == "apiserver" || c.name == "etcd" && !apiserver.Stopped) {
		ctx, cancel := context.WithTimeout(r.Context(), startTimeout)
		defer cancel()
		err = until(ctx, "the API server", apiReady(s.api))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// Components asks the supervisor how its components are. An error means that there is no supervisor.
func (c Config) Components(ctx context.Context) ([]ComponentStatus, error) {
	body, err := c.ask(ctx, http.MethodGet, "/components")
	if err != nil {
		return nil, err
	}
	var all []ComponentStatus
	return all, json.Unmarshal(body, &all)
}

// Stop ends a component and keeps it down, at once or in peace.
func (c Config) Stop(ctx context.Context, component string, kill bool) error {
	query := ""
	if kill {
		query = "?kill"
	}
	_, err := c.ask(ctx, http.MethodPost, "/components/"+component+"/stop"+query)
	return err
}

// Start starts a component that was stopped.
func (c Config) Start(ctx context.Context, component string) error {
	_, err := c.ask(ctx, http.MethodPost, "/components/"+component+"/start")
	return err
}

func (c Config) ask(ctx context.Context, method, path string) ([]byte, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Control())
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %w", path, errors.New(string(body)))
	}
	return body, err
}
