package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/ship"
)

// shipper brings what is on Prometheus's volume to the object store.
type shipper struct {
	dataDir string
	url     string // of Prometheus
	config  stores.Config
	log     *slog.Logger
	metrics prometheus.Registerer
	busy    sync.Mutex // one at a time
	bucket  stores.Bucket
	// snapshot is the folder of the last one that was not shipped whole, so that a store that stays away
	// does not fill the volume with snapshots.
	snapshot string
}

var errShipping = errors.New("it is shipping already")

// newShipper checks the options; without a folder and an object store there is nothing to ship.
func newShipper(o Options) (*shipper, error) {
	s := &shipper{dataDir: o.DataDir, url: o.URL, log: o.Logger}
	if (o.DataDir == "") != (o.ObjectStore == "") {
		return nil, errors.New("to ship, an agent needs both a data folder and an object store")
	}
	if o.DataDir == "" {
		return s, nil
	}
	var err error
	s.config, err = stores.ParseConfig([]byte(o.ObjectStore))
	return s, err
}

// open connects when there is something to do, as most of the time there is not.
func (s *shipper) open(ctx context.Context) (err error) {
	if s.bucket == nil {
		s.bucket, err = stores.Open(ctx, s.config, stores.Options{Logger: s.log, Registerer: s.metrics})
	}
	return err
}

// ship uploads what is on the volume and not in the object store.
func (s *shipper) ship(ctx context.Context, dir string) (ship.Report, error) {
	if !s.busy.TryLock() {
		return ship.Report{}, errShipping
	}
	defer s.busy.Unlock()
	if err := s.open(ctx); err != nil {
		return ship.Report{}, err
	}
	labels, err := ship.ExternalLabels(ctx, s.url)
	if err != nil {
		return ship.Report{}, err
	}
	return ship.Upload(ctx, dir, s.bucket, labels)
}

// flush makes a block of what Prometheus holds in memory and ships everything.
// It returns no error once a second look finds all of it in the object store.
func (s *shipper) flush(ctx context.Context) error {
	if s.snapshot == "" {
		name, err := ship.Snapshot(ctx, s.url)
		if err != nil {
			return err
		}
		s.snapshot = filepath.Join(s.dataDir, "snapshots", name)
	}
	first, err := s.ship(ctx, s.snapshot)
	if err != nil {
		return err
	}
	again, err := s.ship(ctx, s.snapshot)
	if err != nil {
		return err
	}
	if !again.Complete() {
		return fmt.Errorf("not everything is in the object store: %s", again)
	}
	s.log.Info("snapshot shipped", "blocks", len(first.Blocks), "bytes", first.UploadedBytes)
	if err := os.RemoveAll(s.snapshot); err != nil {
		s.log.Warn("snapshot not removed", "err", err) // it goes with the volume, unless the pod is to stay after all
	}
	s.snapshot = ""
	return nil
}

// answerShip ships, and answers with the report when it is over.
func (a *Agent) answerShip(w http.ResponseWriter, r *http.Request) {
	if a.shipper.dataDir == "" {
		http.Error(w, "this agent ships nothing: it was started without a data folder and an object store", http.StatusNotFound)
		return
	}
	// However long it takes: the asker's context ends it.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	report, err := a.shipper.ship(r.Context(), a.shipper.dataDir)
	switch {
	case errors.Is(err, errShipping):
		http.Error(w, err.Error(), http.StatusConflict)
		return
	case err != nil:
		a.log.Warn("not shipped", "err", err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(report) // an asker that went away needs no answer
}
