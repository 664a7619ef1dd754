package github

import (
	"net/http"
	"time"
)

// spend takes one request of the hour's, and refuses it if there is none left.
func (s *Stub) spend(path string) (answer, bool) {
	if now := s.now(); !now.Before(s.reset) {
		s.remaining, s.reset = s.limit, now.Add(time.Hour)
	}
	if path == "/rate_limit" {
		return answer{}, false
	}
	if s.remaining <= 0 {
		return s.limited(), true
	}
	s.remaining--
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
