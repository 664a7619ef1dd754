package stack

import (
	"slices"
	"strings"
	"testing"
)

func TestRepoKeepsWhatWasPushed(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	r, fresh, err := OpenRepo(ctx, dir)
	if err != nil || !fresh {
		t.Fatalf("new: %t, %v", fresh, err)
	}
	if err := r.Replace("watchbill.yaml", "groupWait: 15s", "groupWait: 16s"); err != nil {
		t.Fatal(err)
	}
	pushed, err := r.Commit(ctx, "change")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Push(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Write("teams/mine/team.yaml", "owner: me\n"); err != nil {
		t.Fatal(err)
	}

	r, fresh, err = OpenRepo(ctx, dir)
	if err != nil || fresh {
		t.Fatalf("again: new: %t, %v", fresh, err)
	}
	kept, err := r.Reset(ctx)
	if err != nil || kept == "" {
		t.Fatalf("put aside in %q, %v", kept, err)
	}
	text, err := r.Read("watchbill.yaml")
	if err != nil || !strings.Contains(text, "groupWait: 15s") {
		t.Errorf("the clone is not the example: %v", err)
	}
	if head, err := r.Head(ctx); err != nil || head != pushed {
		t.Errorf("the clone is at %s, and %s was pushed: %v", head, pushed, err)
	}
	if err := r.commitRest(ctx); err != nil {
		t.Error(err)
	}
	if err := r.Push(ctx); err != nil {
		t.Errorf("push on top of what was pushed: %v", err)
	}
}

func TestReplaceWantsTheTextOnce(t *testing.T) {
	r := &Repo{Dir: t.TempDir()}
	if err := r.Write("f", "a a b"); err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{"a": false, "b": true, "c": false} {
		if err := r.Replace("f", text, text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSecretKeysAreThoseOfTheExample(t *testing.T) {
	r, _, err := OpenRepo(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys := r.secretKeys()
	for _, key := range []string{"on-call-url", "slack-url", "smtp-password", "platform-pagerduty-key"} {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is not among %v", key, keys)
		}
	}
}
