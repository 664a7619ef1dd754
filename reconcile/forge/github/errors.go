package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// explain says what went wrong, without the token, and whether to try again.
// The right is what the request needs, in GitHub's words for it. The cause is
// quoted as text only: go-github's errors hold whole requests.
func (c *Client) explain(doing, right string, err error) error {
	if err == nil {
		return nil
	}
	retry, after, hint := c.verdict(right, err)
	said := say(c.secrets, doing, hint, err)
	if retry {
		return &forge.RetryError{After: after, Err: said}
	}
	return said
}

// cause leaves out the request that was not made for lack of a token.
func cause(err error) error {
	var token tokenError
	if errors.As(err, &token) {
		return token.error
	}
	return err
}

// say is the error as text, with the hint, and with the context's end if it was that.
func say(secrets *secrets, doing, hint string, err error) *saidError {
	text := fmt.Sprintf("%s: %s", doing, line(secrets.redact(cause(err).Error()), 300))
	if hint != "" {
		text += "; " + hint
	}
	said := &saidError{text: text}
	for _, ctx := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ctx) {
			said.ctx = ctx
		}
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
//	403, it is locked        no: the pull request takes no comments
//	404                      no: no such repository, or not for this token
//	422                      no: no such commit, or it has 1,000 statuses
//	an answer over 8 MiB     no
//	any other                no
func (c *Client) verdict(right string, err error) (retry bool, after time.Duration, hint string) {
	var waits *limitError
	var primary *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	var token tokenError
	var answer *gh.ErrorResponse
	switch {
	case errors.As(err, &waits):
		return true, waits.wait, ""
	case errors.As(err, &primary):
		return true, c.budget.blocked(), "GitHub's rate limit is used up"
	case errors.As(err, &secondary):
		after := retryAfter(secondary.Response)
		if after == 0 {
			after = c.budget.slow()
		}
		return true, after, "GitHub asks for fewer requests"
	case errors.As(err, &token):
		return true, wait(token), ""
	case errors.Is(err, errTooLong):
		return false, 0, ""
	case !errors.As(err, &answer):
		return true, 0, ""
	}
	switch code := answer.Response.StatusCode; {
	case code == http.StatusUnauthorized:
		return true, 0, "check that the token is current"
	case code == http.StatusForbidden && strings.Contains(answer.Message, "locked"):
		return false, 0, ""
	case code == http.StatusForbidden, code == http.StatusTooManyRequests:
		return true, retryAfter(answer.Response), "check that the token has the right " + right
	case code >= 500, code == http.StatusRequestTimeout:
		return true, retryAfter(answer.Response), ""
	case code == http.StatusNotFound:
		return false, 0, "check the repository's name, and that the token has the right " + right
	case code == http.StatusUnprocessableEntity:
		return false, 0, "the commit may be gone after a force-push, or have as much on it as GitHub takes"
	}
	return false, 0, ""
}

// wait is how long the source of tokens was asked to wait.
func wait(token tokenError) time.Duration {
	var retry *forge.RetryError
	if errors.As(token.error, &retry) {
		return retry.After
	}
	return 0
}

// answered says whether GitHub answered with one of the codes, its rate limits aside.
func answered(err error, codes ...int) bool {
	var answer *gh.ErrorResponse
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.Response.StatusCode == code {
			return true
		}
	}
	return false
}

// refusal is for how long a feature is not tried that we may not use.
const refusal = 30 * time.Minute

// unsupported tells a lack of a right to a feature from other errors, and remembers it.
func (c *Client) unsupported(doing, right string, err error) error {
	if !answered(err, http.StatusForbidden, http.StatusNotFound) {
		return c.explain(doing, right, err)
	}
	c.refused.store(right, time.Now().Add(refusal))
	return fmt.Errorf("%w: %w", forge.ErrUnsupported, say(c.secrets, doing, "grant the right "+right+", if you want this", err))
}

// may says whether a feature is worth trying.
func (c *Client) may(right string) error {
	if until, ok := c.refused.load(right); ok && time.Now().Before(until) {
		return fmt.Errorf("%w: GitHub refused it lately; the right %s is missing", forge.ErrUnsupported, right)
	}
	return nil
}
