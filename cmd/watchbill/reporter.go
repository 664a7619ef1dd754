package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// reporter tells the log for now.
func (f *runFlags) reporter(log *slog.Logger) (forge.Reporter, func(), error) {
	async := forge.NewAsync(&forge.Log{Logger: log}, forge.AsyncOptions{Log: log})
	return async, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = async.Close(ctx)
	}, nil
}
