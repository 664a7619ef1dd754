package ship

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

// BenchmarkUpload compares the rate of Upload with that of plain PutObject for
// the same files: blocks of two hours of a large Prometheus.
func BenchmarkUpload(b *testing.B) {
	const blocks, segment = 4, 96 << 20
	server, dir := storetest.Versitygw(b), b.TempDir()
	for n := range blocks {
		onVolume(b, dir, made(n), func(files map[string]string) {
			files["chunks/000001"], files["index"] = chunk(segment), index(segment/4)
			files["chunks/000002"] = chunk(segment / 8)
		})
	}
	var size int64
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			var err error
			if size, err = storetest.PlainPut(b.Context(), server.Bucket(b), dir); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			removeBuckets(b, server.Dir)
		}
	})
	b.Run("ship", func(b *testing.B) {
		for b.Loop() {
			bucket, err := stores.Open(b.Context(), server.Bucket(b), stores.Options{})
			if err != nil {
				b.Fatal(err)
			}
			report, err := Upload(b.Context(), dir, bucket, external)
			if err != nil || report.Counts[Uploaded] != blocks {
				b.Fatal(err, report)
			}
			b.SetBytes(size)
			removeBuckets(b, server.Dir)
		}
	})
}

// removeBuckets empties the server's disk between runs.
func removeBuckets(b *testing.B, dir string) {
	b.StopTimer()
	defer b.StartTimer()
	buckets, err := filepath.Glob(filepath.Join(dir, "bucket-*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, bucket := range buckets {
		if err := os.RemoveAll(bucket); err != nil {
			b.Fatal(err)
		}
	}
}
