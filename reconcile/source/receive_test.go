package source

import (
	"bytes"
	"crypto/sha1"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// packOfRepo is a small pack with plain objects and deltas.
func packOfRepo(f *testing.F) []byte {
	f.Helper()
	dir := f.TempDir()
	script := `git init -q -b main . && git config user.name A && git config user.email a@example.com
for i in 1 2 3; do seq $((i * 100)) > f; echo $i > g$i; git add -A; git commit -q -m $i; done
git repack -q -a -d -f && cat .git/objects/pack/*.pack`
	cmd := exec.CommandContext(f.Context(), "sh", "-c", script)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		f.Fatal(err)
	}
	return out
}

// Whatever a server sends, it is taken whole or refused with an error, within
// the limits, and nothing is left behind.
func FuzzReceive(f *testing.F) {
	whole := packOfRepo(f)
	whole = whole[:len(whole)-sha1.Size]
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"))
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff" + strings.Repeat("\xff", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha1.Sum(data) // or nothing would be read any further
		data = append(data, sum[:]...)
		dir := t.TempDir()
		p, err := receive(dir, bytes.NewReader(data), 1<<20, 1<<20)
		left, readErr := os.ReadDir(dir)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if err != nil {
			if len(left) > 0 {
				t.Errorf("left behind after %v: %v", err, left)
			}
			return
		}
		if len(left) != 2 {
			t.Errorf("files: %v", left)
		}
		if _, err := openPack(p.base); err != nil {
			t.Errorf("taken, but cannot be opened: %v", err)
		}
	})
}

func TestDeltaTarget(t *testing.T) {
	for delta, want := range map[string]int64{
		"\x05\x07\x90":         7,
		"\x80\x01\xff\x7f":     16383,
		"\x05\x80\x80\x80\x04": 8 << 20,
		"":                     -1,
		"\x05":                 -1,
		"\x05\x80":             -1,
		"\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": -1,
	} {
		got, err := deltaTarget([]byte(delta))
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%x: %d, %v", delta, got, err)
		}
	}
}
