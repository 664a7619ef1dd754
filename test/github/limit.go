package github

import (
	"net/http"
	"time"
)

// SetLimit says how many requests an hour has, of which none is used.
func (s *Stub) SetLimit(n int) { s.change(func() { s.limit, s.remaining = n, n }) }

// SetRemaining says how many requests are left, and until when that holds.
func (s *Stub) SetRemaining(n int, reset time.Time) {
	s.change(func() { s.remaining, s.reset = n, reset })
}

// spend takes one request of the hour's, and refuses it if there is none left.
// What an App asks for itself is of another limit, which is never used up here.
func (s *Stub) spend(c *call) (answer, bool) {
	if now := s.now(); !now.Before(s.reset) {
		s.remaining, s.reset = s.limit, now.Add(time.Hour)
	}
	if c.URL.Path == rateLimitPath || c.who != nil && c.who.kind == "app" {
		return answer{}, false
	}
	if s.remaining <= 0 {
		return s.limited(), true
	}
	s.remaining--
	c.spent = true
	return answer{}, false
}

// limited is the answer to whoever has used up the hour's requests.
func (s *Stub) limited() answer {
	a := refuse(http.StatusForbidden, "API rate limit exceeded for installation.")
	a.body.(object)["documentation_url"] = docs + "/overview/rate-limits-for-the-rest-api"
	return a
}

func (s *Stub) rateLimit(*call) answer {
	rate := object{"limit": s.limit, "used": s.limit - s.remaining, "remaining": s.remaining, "reset": s.reset.Unix()}
	return ok(s.like("rate-limit-overview", nil, object{"rate": rate, "resources.core": rate}))
}
