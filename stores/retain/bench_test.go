package retain_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/retain"
	"github.com/watchbill/watchbill/stores/storetest"
)

const many = 20_000

var yearly = retain.Policy{
	Default: retain.Ages{Raw: 30 * days, FiveMinutes: 180 * days, OneHour: 1000 * days}, DeleteDelay: 48 * hours, Downsample: true,
	MaxBytes: 1 << 20,
}

func BenchmarkAudit(b *testing.B) {
	bucket := storetest.NewMemory()
	if err := blocktest.Fill(b.Context(), bucket, blocktest.Years(many, now)); err != nil {
		b.Fatal(err)
	}
	cache := filepath.Join(b.TempDir(), "cache")
	run := func(b *testing.B, cache string) {
		b.ReportAllocs()
		for b.Loop() {
			inv, err := audit.Run(b.Context(), bucket, audit.Options{Cache: cache, Now: now})
			if err != nil || len(inv.Blocks) != many {
				b.Fatal(err)
			}
		}
	}
	b.Run("cold", func(b *testing.B) { run(b, "") })
	b.Run("warm", func(b *testing.B) { run(b, cache) })
}

func BenchmarkMake(b *testing.B) {
	bucket := storetest.NewMemory()
	if err := blocktest.Fill(b.Context(), bucket, blocktest.Years(many, now)); err != nil {
		b.Fatal(err)
	}
	inv, err := audit.Run(b.Context(), bucket, audit.Options{Now: now})
	if err != nil {
		b.Fatal(err)
	}
	policy := yearly
	policy.Rules = []retain.Rule{
		rule(b, `{environment="dev"}`, retain.Ages{Raw: 7 * days, FiveMinutes: 10 * days, OneHour: 20 * days}),
		rule(b, `{environment=~"prod|staging"}`, retain.Ages{Raw: 60 * days}),
	}
	policy.MaxBytes = 0
	for name, p := range map[string]retain.Policy{"default": yearly, "rules": policy} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plan, err := retain.Make(p, inv, now.Add(time.Hour))
				if err != nil || len(plan.Steps) != many {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("summary", func(b *testing.B) {
		for b.Loop() {
			audit.Summarize(inv, "environment")
		}
	})
}
