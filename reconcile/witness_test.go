package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/source"
)

// What was live and is not any longer is said so, and said to be live again when it is.
func TestLapse(t *testing.T) {
	w := newWorld(t)
	w.write("teams/extra/team.yaml", extraTeam)
	w.write("teams/extra/rules/extra.yaml", extraRule)
	commit := w.commit("good")
	d, closeRepo := w.daemon(w.clone, nil)
	defer closeRepo()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	live := func() bool { return w.said(commit).State == forge.Success }
	w.eventually("live", live)
	w.setRefuse("alert: Extra")
	w.eventually("said not to be live any longer", func() bool {
		s := w.said(commit)
		return s.State == forge.Failure && strings.HasPrefix(s.Text, "was live until ") && strings.Contains(s.Text, "no such word: alert: Extra")
	})
	if live := w.history().Live; live == nil || live.Revision != commit {
		t.Errorf("the last good is %+v", live)
	}
	w.setRefuse("")
	w.eventually("live again", live)
}

func (w *world) setRefuse(word string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = word
}

// An unsigned commit changes nothing, and goes on as soon as its signer is allowed.
func TestUntrusted(t *testing.T) {
	w := newWorld(t)
	w.write("README.md", "signed\n")
	good := w.commit("signed")
	stranger := errors.New("signed by a stranger")
	w.verify = func(r source.Revision) error {
		if strings.HasPrefix(r.Message, "signed") {
			return nil
		}
		return stranger
	}
	_, err := w.run(nil)
	must(t, err)
	w.wantLive(good)

	w.write("teams/extra/team.yaml", extraTeam)
	w.write("teams/extra/rules/extra.yaml", extraRule)
	unsigned := w.commit("not so")
	if _, err = w.run(nil); !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	w.wantOutcome(unsigned, history.Untrusted, "signed by a stranger; sign it")
	w.wantLive(good)
	if s := w.said(unsigned); s.State != forge.Failure || !strings.HasPrefix(s.Text, "not trusted, the last good runs on: ") {
		t.Errorf("status: %+v", s)
	}
	w.verify = nil
	_, err = w.run(nil)
	must(t, err)
	w.wantLive(unsigned)
}

// The first commit of all is not looked at either.
func TestUntrustedFirst(t *testing.T) {
	w := newWorld(t)
	first := w.git("rev-parse", "HEAD")
	w.verify = func(source.Revision) error { return errors.New("signed by a stranger") }
	if _, err := w.run(nil); !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	w.wantOutcome(first, history.Untrusted, "signed by a stranger")
	if h := w.history(); h.Live != nil {
		t.Errorf("live: %+v", h.Live)
	}
}
