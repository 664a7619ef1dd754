package agent

import (
	"context"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/render/bundle"
)

// fetches is how many chunks are fetched at once; each may hold some MiB of memory meanwhile.
const fetches = 8

// deliver brings a bundle onto the volume: whole, held against its digest, and read by nobody yet.
func (a *Agent) deliver(ctx context.Context, ref bundle.Ref) error {
	if _, ok := a.volume.bundles[ref.Digest]; ok {
		return nil
	}
	missing, err := a.volume.missing(ref.Chunks)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := a.fetch(ctx, missing); err != nil {
		return err
	}
	a.fault("fetched")
	if err := a.volume.build(ref); err != nil {
		return err
	}
	a.fault("built")
	a.log.Info("bundle delivered", "bundle", ref.Digest, "chunks", len(ref.Chunks), "fetched", len(missing), "duration", time.Since(began))
	return nil
}

// fetch brings chunks onto the volume. Those that came before another failed are kept.
func (a *Agent) fetch(ctx context.Context, digests []string) error {
	parts := make([][]bundle.Part, len(digests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	for i, digest := range digests {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.pulse.beat(answerTimeout)
			chunk, err := a.kube.chunk(ctx, a.options.Component, digest)
			if err != nil {
				return err
			}
			a.metrics.chunks.Inc()
			parts[i], err = a.volume.writeChunk(chunk)
			a.fault("chunk")
			return err
		})
	}
	err := group.Wait()
	for i, digest := range digests {
		if parts[i] != nil {
			a.volume.enter(digest, parts[i])
		}
	}
	return err
}

// enter makes a chunk that was written one that is there.
func (v *volume) enter(digest string, parts []bundle.Part) {
	v.chunks[digest] = parts
	for _, p := range parts {
		v.fresh = append(v.fresh, v.partPath(p))
	}
	dir := v.path(chunksDir, digest)
	v.fresh = append(v.fresh, dir, filepath.Dir(dir))
}
