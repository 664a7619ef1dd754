package retain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores/retain"
	"github.com/watchbill/watchbill/stores/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestPlanIsPrinted(t *testing.T) {
	inBed(t, func(b *bed) {
		b.policy.Rules = []retain.Rule{
			rule(b, `{env="prod"}`, retain.Ages{Raw: 10 * days}), rule(b, `{env=~".+"}`, retain.Ages{Raw: 9 * days}),
			rule(b, `{env="test"}`, retain.Ages{Raw: 2 * days}),
		}
		b.policy.MaxBytes = 700
		storetest.Put(b, b.memory, "debug/metas/x.json", "{}")
		time.Sleep(49 * time.Hour)
		plan := b.plan()
		for file, all := range map[string]bool{"plan.txt": false, "plan-all.txt": true} {
			var table bytes.Buffer
			b.must(plan.Table(&table, all))
			golden(b.T, file, table.Bytes())
		}
		text, err := json.MarshalIndent(plan, "", "  ")
		b.must(err)
		golden(b.T, "plan.json", append(text, '\n'))
	})
}

func TestPlanOfNothing(t *testing.T) {
	inBed(t, func(b *bed) {
		for _, key := range storetest.Keys(b, b.memory, "") {
			b.must(b.memory.Delete(b.Context(), key))
		}
		text, err := json.Marshal(b.plan())
		b.must(err)
		golden(b.T, "nothing.json", append(text, '\n'))
	})
}
