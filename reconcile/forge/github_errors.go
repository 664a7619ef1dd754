package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-github/v92/github"
)

// explain says what went wrong, without the token, and whether to try again.
// The cause is quoted as text only: go-github's errors hold whole requests.
func (g *GitHub) explain(doing string, s Status, err error) error {
	retry, after, hint := verdict(err)
	text := fmt.Sprintf("%s status %s of %s: %s", doing, s.Context, s.Commit, line(g.auth.redact(err.Error()), 300))
	if hint != "" {
		text += "; " + hint
	}
	said := &saidError{text: text}
	for _, ctx := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ctx) {
			said.ctx = ctx
		}
	}
	if retry {
		return &RetryError{After: after, Err: said}
	}
	return said
}

// saidError is an error whose cause is told but not held.
type saidError struct {
	text string
	ctx  error
}

func (e *saidError) Error() string { return e.text }
func (e *saidError) Unwrap() error { return e.ctx }

// verdict knows what GitHub's answers mean:
//
//	rate limits (403, 429)   again, when GitHub says
//	5xx, 408, no answer      again
//	401, 403                 again: tokens are rotated and rights are granted
//	404                      no: no such repository, or not for this token
//	422                      no: no such commit, or it has 1,000 statuses
//	any other                no
func verdict(err error) (retry bool, after time.Duration, hint string) {
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	var token errToken
	var answer *github.ErrorResponse
	switch {
	case errors.As(err, &primary):
		return true, max(time.Until(primary.Rate.Reset.Time), 0), "GitHub's rate limit is used up"
	case errors.As(err, &secondary):
		return true, secondary.GetRetryAfter(), "GitHub asks for fewer requests"
	case errors.As(err, &token):
		return true, 0, "put the token where it is looked for"
	case !errors.As(err, &answer):
		return true, 0, ""
	}
	switch code := answer.Response.StatusCode; {
	case code == http.StatusUnauthorized:
		return true, 0, "check that the token is current"
	case code == http.StatusForbidden, code == http.StatusTooManyRequests:
		return true, retryAfter(answer.Response), "check that the token may write commit statuses"
	case code >= 500, code == http.StatusRequestTimeout:
		return true, retryAfter(answer.Response), ""
	case code == http.StatusNotFound:
		return false, 0, "check the repository's name, and that the token may write its commit statuses"
	case code == http.StatusUnprocessableEntity:
		return false, 0, "the commit may be gone after a force-push, or have as many statuses as GitHub takes"
	}
	return false, 0, ""
}

// retryAfter reads the header's form in seconds, which is the one GitHub uses.
func retryAfter(answer *http.Response) time.Duration {
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}
