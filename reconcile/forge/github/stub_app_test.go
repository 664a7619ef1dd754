package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// appKey is the App's key; one is made for all tests.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func appPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(appKey())})
}

// appStub is a GitHub App as GitHub knows it.
type appStub struct {
	stub        *stub
	permissions object // nil has all that is needed
	tokens      map[string]time.Time
	made        int
	asked       object // what the last token was asked for
}

func (a *appStub) options(s *stub) AppOptions {
	return AppOptions{
		Repo: s.repo(), ID: "Iv1.planted",
		Key: func() ([]byte, error) { return appPEM(), nil },
	}
}

// signed verifies the App's own token by GitHub's rules.
func (a *appStub) signed(w http.ResponseWriter, r *http.Request, now time.Time) bool {
	raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims := &jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return &appKey().PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithIssuedAt())
	switch {
	case err != nil || claims.Issuer != "Iv1.planted":
		refuse(w, http.StatusUnauthorized, "A JSON web token could not be decoded: "+raw)
		return false
	case claims.ExpiresAt.After(now.Add(10 * time.Minute)):
		refuse(w, http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
		return false
	}
	return true
}

func (a *appStub) granted() object {
	if a.permissions != nil {
		return a.permissions
	}
	return object{"metadata": "read", "contents": "write", "statuses": "write", "pull_requests": "write", "checks": "write", "deployments": "write", "members": "read"}
}

func (a *appStub) installation(w http.ResponseWriter, r *http.Request) {
	if id := r.PathValue("id"); id != "" && id != "5" {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, object{"id": 5, "app_id": 9, "app_slug": "watchbill-acme", "permissions": a.granted()})
}

func (a *appStub) createToken(w http.ResponseWriter, r *http.Request) {
	a.asked = a.stub.read(r)
	delete(a.asked, "id")
	for name, level := range a.asked["permissions"].(object) {
		if have := a.granted()[name]; have != level && (have != "write" || level != "read") {
			a.stub.invalid(w, "the permission is not granted", name)
			return
		}
	}
	if r.PathValue("id") != "5" {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	a.made++
	token := fmt.Sprintf("ghs_planted%d", a.made)
	if a.tokens == nil {
		a.tokens = map[string]time.Time{}
	}
	expires := time.Now().Add(a.stub.skew).Add(time.Hour)
	a.tokens[token] = expires
	answer(w, http.StatusCreated, object{"token": token, "expires_at": expires.UTC().Format(time.RFC3339), "permissions": a.asked["permissions"]})
}

func (a *appStub) valid(token string, now time.Time) bool {
	expires, ok := a.tokens[token]
	return ok && now.Before(expires)
}

// revoke makes every token invalid.
func (a *appStub) revoke() {
	a.stub.mu.Lock()
	defer a.stub.mu.Unlock()
	clear(a.tokens)
}

// forApps refuses what only an App may do.
func (s *stub) forApps(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "Bearer "+s.token {
		refuse(w, http.StatusForbidden, "You must authenticate via a GitHub App.")
		return false
	}
	return true
}

func (s *stub) listRuns(w http.ResponseWriter, r *http.Request) {
	list := []object{}
	for _, run := range slices.Backward(s.runs) {
		if run["head_sha"] == r.PathValue("sha") && run["name"] == r.URL.Query().Get("check_name") && r.URL.Query().Get("app_id") == "9" {
			list = append(list, run)
		}
	}
	answer(w, http.StatusOK, object{"total_count": len(list), "check_runs": list[:min(len(list), 1)]})
}

func (s *stub) createRun(w http.ResponseWriter, r *http.Request) {
	if run := s.read(r); s.forApps(w, r) && s.goodRun(w, run) {
		run["app"] = object{"id": 9}
		s.runs = append(s.runs, object{"id": run["id"]})
		s.merge(s.runs[len(s.runs)-1], run)
		answer(w, http.StatusCreated, s.runs[len(s.runs)-1])
	}
}

func (s *stub) updateRun(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(s.runs, func(c object) bool { return fmt.Sprint(c["id"]) == r.PathValue("id") })
	if run := s.read(r); i >= 0 && s.forApps(w, r) && s.goodRun(w, run) {
		if s.runs[i]["status"] == "completed" && run["status"] != "completed" {
			s.invalid(w, "it is completed", run)
			return
		}
		s.merge(s.runs[i], run)
		answer(w, http.StatusOK, s.runs[i])
	}
}

// merge adds annotations to those that there are.
func (s *stub) merge(run, change object) {
	id := run["id"].(int)
	output, _ := change["output"].(object)
	added, _ := output["annotations"].([]any)
	s.annotations[id] = append(s.annotations[id], added...)
	for name, value := range change {
		run[name] = value
	}
	run["id"] = id
	run["output"] = object{"title": output["title"], "summary": output["summary"], "text": output["text"], "annotations_count": len(s.annotations[id])}
}

func (s *stub) goodRun(w http.ResponseWriter, run object) bool {
	output, _ := run["output"].(object)
	list, _ := output["annotations"].([]any)
	completed := run["status"] == "completed"
	if completed != (run["conclusion"] != nil) || text(output, "title") == "" || len(list) > 50 ||
		len(text(output, "summary")) > 65535 || len(text(output, "text")) > 65535 {
		s.invalid(w, "a check run is not like this", run)
		return false
	}
	for _, one := range list {
		a := one.(object)
		lines := a["start_line"] != a["end_line"] && a["start_column"] != nil
		if lines || text(a, "path") == "" || text(a, "message") == "" || len(text(a, "message")) > 64<<10 || len(text(a, "title")) > 255*4 {
			s.invalid(w, "an annotation is not like this", a)
			return false
		}
	}
	return true
}
