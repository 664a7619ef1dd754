package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measured counts and times the operations of the bucket below it, retries included.
type measured struct {
	Bucket
	operations, failures *prometheus.CounterVec
	duration             *prometheus.HistogramVec
}

// WithMetrics counts and times what is done to a bucket. Several buckets may share a registerer.
func WithMetrics(b Bucket, registerer prometheus.Registerer) (Bucket, error) {
	m := &measured{
		Bucket: b,
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_store_operations_total", Help: "Operations on the object store.",
		}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_store_operation_failures_total",
			Help: "Operations on the object store that failed, other than for an object that is not there or a condition that does not hold.",
		}, []string{"operation"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "watchbill_store_operation_duration_seconds", Help: "Duration of operations on the object store, retries included.",
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600},
		}, []string{"operation"}),
	}
	var err error
	if m.operations, err = register(registerer, m.operations); err != nil {
		return nil, err
	}
	if m.failures, err = register(registerer, m.failures); err != nil {
		return nil, err
	}
	if m.duration, err = register(registerer, m.duration); err != nil {
		return nil, err
	}
	for _, operation := range []string{"list", "get", "put", "delete"} {
		m.operations.WithLabelValues(operation)
		m.failures.WithLabelValues(operation)
	}
	return m, nil
}

// register gives the collector that is registered already, if there is one.
func register[C prometheus.Collector](registerer prometheus.Registerer, c C) (C, error) {
	err := registerer.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if before, same := already.ExistingCollector.(C); same {
			return before, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("registering the object store's metrics: %w", err)
	}
	return c, nil
}

func (m *measured) done(operation string, began time.Time, err error) {
	m.operations.WithLabelValues(operation).Inc()
	m.duration.WithLabelValues(operation).Observe(time.Since(began).Seconds())
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrPrecondition) && !errors.Is(err, context.Canceled) {
		m.failures.WithLabelValues(operation).Inc()
	}
}

func (m *measured) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		began := time.Now()
		var last error
		defer func() { m.done("list", began, last) }()
		for o, err := range m.Bucket.List(ctx, prefix) {
			last = err
			if !yield(o, err) {
				return
			}
		}
	}
}

func (m *measured) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	began := time.Now()
	body, o, err := m.Bucket.Get(ctx, key)
	m.done("get", began, err)
	return body, o, err
}

func (m *measured) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when Condition) (Object, error) {
	began := time.Now()
	o, err := m.Bucket.Put(ctx, key, body, size, when)
	m.done("put", began, err)
	return o, err
}

func (m *measured) Delete(ctx context.Context, key string) error {
	began := time.Now()
	err := m.Bucket.Delete(ctx, key)
	m.done("delete", began, err)
	return err
}
