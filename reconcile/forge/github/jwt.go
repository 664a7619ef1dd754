package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// signed is the JSON Web Token by which the App itself is known. GitHub takes
// one for ten minutes at most, and none from the future.
func (a *App) signed(context.Context) (string, error) {
	pem, err := a.opts.Key()
	if err != nil {
		return "", fmt.Errorf("reading the GitHub App's private key: %w", err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil { // the cause may quote the key
		return "", errors.New("reading the GitHub App's private key: it is not an RSA key in PEM, as GitHub gives it")
	}
	now := a.clock.now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer:    a.opts.ID,
		IssuedAt:  jwt.NewNumericDate(now.Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute)),
	}).SignedString(key)
	if err != nil {
		return "", errors.New("signing with the GitHub App's private key: it cannot sign")
	}
	return token, nil
}

// wrongClock is told that GitHub refused the App's own token. That may be due to
// this machine's clock; by then it is known how wrong that is.
func (a *App) wrongClock(_ string, answer *http.Response) bool { return a.clock.learn(answer) }

// clock is GitHub's, as far as its answers tell.
type clock struct {
	mu   sync.Mutex
	skew time.Duration
}

// tolerated is a difference that harms nothing.
const tolerated = 30 * time.Second

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.skew)
}

// learn takes the time of an answer, and says whether that changed much.
func (c *clock) learn(answer *http.Response) bool {
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	skew := time.Until(date)
	if (skew - c.skew).Abs() <= tolerated {
		return false
	}
	if c.skew = skew; skew.Abs() <= tolerated {
		c.skew = 0
	}
	return true
}

// watch learns from each answer that was not a refusal.
func (c *clock) watch(next http.RoundTripper) http.RoundTripper {
	return transportFunc(func(req *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(req)
		if err == nil {
			c.learn(answer)
		}
		return answer, err
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f transportFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
