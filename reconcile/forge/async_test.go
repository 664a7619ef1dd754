package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func report(t *testing.T, r Reporter, s Status) {
	t.Helper()
	if err := r.Report(t.Context(), s); err != nil {
		t.Error(err)
	}
}

// recorder is a forge whose answers the test gives.
type recorder struct {
	mu     sync.Mutex
	heard  []string
	answer func(n int, s Status) error // n counts the calls
	delay  time.Duration
	calls  int
	start  time.Time
}

func (r *recorder) Report(ctx context.Context, s Status) error {
	select {
	case <-time.After(r.delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.answer != nil {
		if err := r.answer(r.calls, s); err != nil {
			return err
		}
	}
	r.heard = append(r.heard, fmt.Sprintf("%v %s %s %s", time.Since(r.start), s.Commit, s.State, s.Text))
	return nil
}

func quiet() AsyncOptions { return AsyncOptions{Log: slog.New(slog.DiscardHandler)} }

func of(commit string, state State, text string) Status {
	return Status{Commit: commit, Context: "watchbill/prod", State: state, Text: text}
}

func TestAsync(t *testing.T) {
	down := func(until time.Duration) func(*recorder) {
		return func(r *recorder) {
			r.answer = func(int, Status) error {
				if time.Since(r.start) < until {
					return &RetryError{Err: errors.New("down")}
				}
				return nil
			}
		}
	}
	type at struct {
		after time.Duration
		s     Status
	}
	tests := []struct {
		name    string
		forge   func(*recorder)
		reports []at
		want    []string
	}{
		{
			name:    "in order",
			reports: []at{{0, of("a", Pending, "1")}, {time.Second, of("a", Success, "2")}, {0, of("b", Pending, "3")}},
			want:    []string{"0s a pending 1", "1s a success 2", "1s b pending 3"},
		},
		{
			name:    "newest only while the forge is slow",
			forge:   func(r *recorder) { r.delay = 10 * time.Second },
			reports: []at{{0, of("a", Pending, "1")}, {time.Second, of("a", Pending, "2")}, {0, of("a", Failure, "3")}, {0, of("b", Pending, "4")}},
			want:    []string{"10s a pending 1", "20s a failure 3", "30s b pending 4"},
		},
		{
			name:    "newest only after the forge was away",
			forge:   down(9 * time.Second), // tries at 0, 1, 3, 7, 15
			reports: []at{{0, of("a", Pending, "1")}, {2 * time.Second, of("a", Pending, "2")}, {4 * time.Second, of("a", Success, "3")}},
			want:    []string{"15s a success 3"},
		},
		{
			name:    "the pause has an end",
			forge:   down(time.Hour), // 1+2+4+8+16+32 = 63, then each minute
			reports: []at{{0, of("a", Success, "1")}},
			want:    []string{"1h0m3s a success 1"},
		},
		{
			name: "as long as the forge asks",
			forge: func(r *recorder) {
				r.answer = func(n int, _ Status) error {
					if n == 1 {
						return &RetryError{After: 10 * time.Minute, Err: errors.New("limit")}
					}
					return nil
				}
			},
			reports: []at{{0, of("a", Pending, "1")}, {time.Minute, of("a", Success, "2")}},
			want:    []string{"10m0s a success 2"},
		},
		{
			name: "one bad commit does not hold up the others",
			forge: func(r *recorder) {
				r.answer = func(_ int, s Status) error {
					if s.Commit == "bad" {
						return &RetryError{Err: errors.New("500")}
					}
					return nil
				}
			},
			reports: []at{{0, of("bad", Success, "1")}, {0, of("a", Success, "2")}, {0, of("b", Success, "3")}},
			want:    []string{"3s a success 2", "3s b success 3"},
		},
		{
			name: "refused for good",
			forge: func(r *recorder) {
				r.answer = func(n int, _ Status) error {
					if n == 1 {
						return errors.New("422")
					}
					return nil
				}
			},
			reports: []at{{0, of("a", Pending, "1")}, {time.Second, of("b", Pending, "2")}},
			want:    []string{"1s b pending 2"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{start: time.Now()}
				if test.forge != nil {
					test.forge(r)
				}
				a := NewAsync(r, quiet())
				for _, report := range test.reports {
					time.Sleep(report.after)
					before := time.Now()
					if err := a.Report(t.Context(), report.s); err != nil {
						t.Error(err)
					}
					if !time.Now().Equal(before) {
						t.Error("Report waited")
					}
					synctest.Wait()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				_ = a.Close(ctx)
				if diff := cmp.Diff(test.want, r.heard); diff != "" {
					t.Error(diff)
				}
				if err := a.Report(t.Context(), of("c", Pending, "late")); !errors.Is(err, ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
			})
		})
	}
}

// One context that hangs does not hold up another.
func TestAsyncContextsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{start: time.Now(), answer: func(_ int, s Status) error {
			if s.Context == "slow" {
				return &RetryError{Err: errors.New("down")}
			}
			return nil
		}}
		a := NewAsync(r, quiet())
		slow := of("a", Pending, "1")
		slow.Context = "slow"
		_ = a.Report(t.Context(), slow)
		time.Sleep(10 * time.Second)
		_ = a.Report(t.Context(), of("a", Pending, "2"))
		synctest.Wait()
		if diff := cmp.Diff([]string{"10s a pending 2"}, r.heard); diff != "" {
			t.Error(diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 were not sent") {
			t.Errorf("Close: %v", err)
		}
		if len(a.lanes) > 0 {
			t.Errorf("%d lanes are left", len(a.lanes))
		}
	})
}

func TestAsyncGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{start: time.Now(), delay: time.Hour}
		ended := map[string]string{}
		var mu sync.Mutex
		opts := quiet()
		opts.MaxQueue = 3
		opts.Done = func(s Status, err error) {
			mu.Lock()
			defer mu.Unlock()
			ended[s.Text] = fmt.Sprint(err)
		}
		a := NewAsync(r, opts)
		_ = a.Report(t.Context(), of("a", Pending, "under way"))
		synctest.Wait()
		_ = a.Report(t.Context(), of("a", Pending, "outrun"))
		_ = a.Report(t.Context(), of("a", Success, "dropped"))
		for i := range 3 {
			_ = a.Report(t.Context(), of(fmt.Sprint(i), Pending, fmt.Sprint("left ", i)))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := a.Close(ctx)
		if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 were not sent") {
			t.Errorf("Close: %v", err)
		}
		want := map[string]string{
			"under way": ErrClosed.Error(), "outrun": ErrOutrun.Error(),
			"dropped": "reporting a status: more than 3 commits are waiting",
			"left 0":  ErrClosed.Error(), "left 1": ErrClosed.Error(), "left 2": ErrClosed.Error(),
		}
		if diff := cmp.Diff(want, ended); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	l := &Log{Logger: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))}
	report(t, l, of("a", Pending, "rendering"))
	report(t, l, of("a", Pending, "rendering"))
	report(t, l, of("a", Failure, "refused"))
	want := `level=INFO msg="commit status" revision=a context=watchbill/prod state=pending text=rendering
level=WARN msg="commit status" revision=a context=watchbill/prod state=failure text=refused
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if err := l.Report(t.Context(), Status{}); err == nil {
		t.Error("an empty status is taken")
	}
}
