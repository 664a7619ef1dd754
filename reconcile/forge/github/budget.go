package github

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	limitHeader     = "X-RateLimit-Limit"
	remainingHeader = "X-RateLimit-Remaining"
	resetHeader     = "X-RateLimit-Reset"
)

// budget is what may still be asked. GitHub counts requests of an hour (the
// primary limit), and asks for a pause when they come too fast (the secondary).
// Times are taken as differences to the answer's own date, so that a wrong clock
// here makes no difference.
type budget struct {
	mu      sync.Mutex
	known   RateLimit
	pause   time.Time // the end of a pause that was asked for
	strikes int       // pauses without a length in a row
}

// reserve is the part of the limit that only statuses may use.
const reserve = 0.2

// longest is how long any wait may be: GitHub's window is an hour.
const longest = time.Hour

// limitError says that a request was not sent.
type limitError struct{ wait time.Duration }

func (e *limitError) Error() string {
	return fmt.Sprintf("not asked, as GitHub wants no request for %s", e.wait.Round(time.Second))
}

func (b *budget) rate() RateLimit {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

// blocked is how long no request may be sent.
func (b *budget) blocked() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := time.Until(b.pause)
	if b.known.Limit > 0 && b.known.Remaining == 0 {
		wait = max(wait, time.Until(b.known.Reset))
	}
	return max(wait, 0)
}

// low is how long what is left of the limit is kept for statuses.
func (b *budget) low() time.Duration {
	wait := b.blocked()
	b.mu.Lock()
	defer b.mu.Unlock()
	if float64(b.known.Remaining) < reserve*float64(b.known.Limit) {
		wait = max(wait, time.Until(b.known.Reset))
	}
	return wait
}

// observe takes in what an answer says of the limits.
func (b *budget) observe(answer *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	limit, err1 := strconv.Atoi(answer.Header.Get(limitHeader))
	left, err2 := strconv.Atoi(answer.Header.Get(remainingHeader))
	reset, err3 := strconv.ParseInt(answer.Header.Get(resetHeader), 10, 64)
	if err1 == nil && err2 == nil && err3 == nil && limit > 0 {
		date, err := http.ParseTime(answer.Header.Get("Date"))
		if err != nil {
			date = now
		}
		wait := min(max(time.Unix(reset, 0).Sub(date), 0), longest)
		b.known = RateLimit{Limit: limit, Remaining: max(left, 0), Reset: now.Add(wait)}
	}
	switch code := answer.StatusCode; {
	case code == http.StatusForbidden || code == http.StatusTooManyRequests:
		if wait := retryAfter(answer); wait > 0 {
			b.pause = now.Add(wait)
		}
	case code < 400:
		b.strikes = 0
	}
}

// slow answers how long to wait where GitHub asks for fewer requests without
// saying when to come again: a minute, and then ever longer.
func (b *budget) slow() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := min(time.Minute<<min(b.strikes, 6), longest)
	b.strikes++
	b.pause = time.Now().Add(wait)
	return wait
}

// retryAfter reads the header's form in seconds, which is the one GitHub uses.
func retryAfter(answer *http.Response) time.Duration {
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(longest/time.Second))) * time.Second
}

// limited sends no request while GitHub wants none.
type limited struct {
	next   http.RoundTripper
	budget *budget
}

// RoundTrip implements http.RoundTripper.
func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if wait := l.budget.blocked(); wait > 0 {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &limitError{wait}
	}
	answer, err := l.next.RoundTrip(req)
	if err == nil {
		l.budget.observe(answer)
	}
	return answer, err
}
