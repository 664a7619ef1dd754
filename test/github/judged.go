package github

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"
)

// shared is the judge of a test binary's tests: one is enough, and its start takes seconds.
var shared struct {
	sync.Mutex
	judge *judge
}

// Judge starts a stand-in for one test, with a state of its own; the judge
// itself is started by the first test and serves all of them. The test fails on
// whatever GitHub's description does not allow. Without WATCHBILL_PRISM it is
// skipped.
//
// The shared judge ends with the process, or with [CloseJudge].
func Judge(t testing.TB) *Server {
	t.Helper()
	return JudgeAt(t, nil)
}

// JudgeAt is Judge with a clock.
func JudgeAt(t testing.TB, clock func() time.Time) *Server {
	t.Helper()
	s := unjudged(t, clock)
	t.Cleanup(func() {
		for _, violation := range s.Violations() {
			t.Errorf("GitHub's description does not allow this: %s", violation)
		}
	})
	return s
}

// unjudged is a stand-in that leaves it to the test what to make of violations.
func unjudged(t testing.TB, clock func() time.Time) *Server {
	t.Helper()
	if os.Getenv("WATCHBILL_PRISM") == "" {
		t.Skip("WATCHBILL_PRISM is not set: `make test` builds the judge and runs this test with it")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.judge == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		j, err := startJudge(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		shared.judge = j
	}
	s, err := serve(shared.judge, Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// CloseJudge ends the shared judge, for a TestMain that looks for leaks.
func CloseJudge() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.judge == nil {
		return nil
	}
	err := shared.judge.close()
	shared.judge = nil
	return err
}
