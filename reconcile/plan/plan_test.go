package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMake(t *testing.T) {
	id := func(name string) ID { return ID{"ConfigMap", name} }
	for _, tc := range []struct {
		name    string
		desired []Desired
		live    map[ID]Live
		keep    map[ID]bool
		want    string
	}{
		{
			name:    "not there",
			desired: []Desired{{ID: id("a"), Stage: Chunks, Digest: "1"}},
			want:    "create    configmap/a (not there)\n",
		},
		{
			name:    "as it was left",
			desired: []Desired{{ID: id("a"), Stage: Workloads, Digest: "1"}},
			live:    map[ID]Live{id("a"): {Applied: "1"}},
		},
		{
			name:    "other content",
			desired: []Desired{{ID: id("a"), Stage: Workloads, Digest: "2"}},
			live:    map[ID]Live{id("a"): {Applied: "1"}},
			want:    "configure configmap/a (changed)\n",
		},
		{
			name:    "touched by somebody",
			desired: []Desired{{ID: id("a"), Stage: Index, Digest: "1"}},
			live:    map[ID]Live{id("a"): {Applied: "1", Drifted: true}},
			want:    "configure configmap/a (drifted)\n",
		},
		{
			name:    "applied by an earlier process",
			desired: []Desired{{ID: id("a"), Stage: Workloads, Digest: "1"}, {ID: id("chunk"), Stage: Chunks, Digest: "1"}},
			live:    map[ID]Live{id("a"): {}, id("chunk"): {}},
			want:    "configure configmap/a (unverified)\n",
		},
		{
			name: "no longer wanted, unless kept",
			live: map[ID]Live{id("a"): {}, id("b"): {}},
			keep: map[ID]bool{id("b"): true},
			want: "delete    configmap/a (no longer in the repo)\n",
		},
		{
			name: "in the order in which it is carried out",
			desired: []Desired{
				{ID: id("index"), Stage: Index, Digest: "1"},
				{ID: ID{"Service", "s"}, Stage: Workloads, Digest: "1"},
				{ID: ID{"RoleBinding", "r"}, Stage: Workloads, Digest: "1"},
				{ID: id("z"), Stage: Chunks, Digest: "1"},
				{ID: id("y"), Stage: Chunks, Digest: "1"},
			},
			live: map[ID]Live{id("old"): {}},
			want: "create    configmap/y (not there)\n" +
				"create    configmap/z (not there)\n" +
				"create    rolebinding/r (not there)\n" +
				"create    service/s (not there)\n" +
				"create    configmap/index (not there)\n" +
				"delete    configmap/old (no longer in the repo)\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Make(tc.desired, tc.live, tc.keep)
			if diff := cmp.Diff(tc.want, got.String()); diff != "" {
				t.Error(diff)
			}
			if got.Empty() != (tc.want == "") {
				t.Errorf("Empty() = %v", got.Empty())
			}
		})
	}
}

func TestGuard(t *testing.T) {
	live := Counts{"payments": 10, "platform": 10, "search": 4}
	for _, tc := range []struct {
		name  string
		after Counts
		share string
		hold  bool
		teams []string
	}{
		{"the same", live, "50%", false, nil},
		{"more", Counts{"payments": 30, "platform": 10, "search": 4}, "50%", false, nil},
		{"exactly the share", Counts{"payments": 1, "platform": 7, "search": 4}, "50%", false, nil},
		{"over the share", Counts{"payments": 1, "platform": 6, "search": 4}, "50%", true, nil},
		{"a team gone", Counts{"payments": 10, "platform": 10}, "50%", true, []string{"search"}},
		{"a team gone while another grows", Counts{"payments": 99, "platform": 10}, "100%", true, []string{"search"}},
		{"everything gone", Counts{}, "50%", true, []string{"payments", "platform", "search"}},
		{"nothing may go", Counts{"payments": 9, "platform": 10, "search": 4}, "0%", true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hold, err := Guard(live, tc.after, tc.share, nil)
			if err != nil {
				t.Fatal(err)
			}
			if (hold != nil) != tc.hold {
				t.Fatalf("hold = %v", hold)
			}
			if hold == nil {
				return
			}
			if diff := cmp.Diff(tc.teams, hold.Teams); diff != "" {
				t.Error(diff)
			}
			again, err := Guard(live, tc.after, tc.share, []string{hold.ID})
			if err != nil || again != nil {
				t.Errorf("with the hold's own id allowed: %v, %v", again, err)
			}
			other, err := Guard(live, Counts{"payments": 1}, tc.share, []string{hold.ID})
			if err != nil || other == nil {
				t.Errorf("the id released another removal too (%v)", err)
			}
		})
	}
	if _, err := Guard(live, live, "half", nil); err == nil {
		t.Error("a share that is no percentage was taken")
	}
}
