package github

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// credential is who asks.
type credential struct {
	kind string // app, installation, token
	// login of the person, or the App's with [bot].
	login   string
	app     *App
	rights  map[string]string // nil is all
	repos   []string          // names; nil is all
	expires time.Time         // zero is never
}

// App is a GitHub App, installed on every repository of the stub.
type App struct {
	ID int64
	// ClientID is by what it may sign too, such as Iv1.8a61f9b3a7aba766.
	ClientID string
	// Slug is its name in URLs. Default "watchbill".
	Slug string
	// Key checks what the App signs.
	Key *rsa.PublicKey
	// Rights, such as "checks": "write". Nil is all.
	Rights map[string]string
	// Installation is its id. Default ID + 1000.
	Installation int64
	// Suspended installations get no tokens.
	Suspended bool
}

// App adds one, or sets it anew.
func (s *Stub) App(app App) {
	if app.Slug == "" {
		app.Slug = "watchbill"
	}
	if app.Installation == 0 {
		app.Installation = app.ID + 1000
	}
	s.change(func() { s.apps[app.ID] = &app })
}

// AllowToken makes a token valid, a fine-grained one with rights such as "statuses": "write"; nil is all that a token can have.
func (s *Stub) AllowToken(token string, rights map[string]string) {
	s.change(func() {
		s.tokens[token] = &credential{kind: "token", login: "octocat", rights: rights}
	})
}

// RevokeTokens makes every token invalid, those of installations too.
func (s *Stub) RevokeTokens() { s.change(func() { clear(s.tokens) }) }

// TokenLife is how long an App's next tokens are valid. At GitHub, and by default, an hour.
func (s *Stub) TokenLife(d time.Duration) { s.change(func() { s.tokenLife = d }) }

// kind is whose credential a request carries; see Request.
func (s *Stub) kind(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, err := s.who(r)
	switch {
	case errors.Is(err, errNobody):
		return "none"
	case err != nil:
		return "unknown"
	}
	return who.kind
}

// denied is why a credential is none, in GitHub's words.
type denied string

func (d denied) Error() string { return string(d) }

const (
	errNobody denied = "Requires authentication"
	errBad    denied = "Bad credentials"
	errJWT    denied = "A JSON web token could not be decoded"
)

func (s *Stub) who(r *http.Request) (*credential, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme == "" {
		return nil, errNobody
	}
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return nil, errBad
	}
	if who := s.tokens[secret]; who != nil {
		if !who.expires.IsZero() && !s.now().Before(who.expires) {
			return nil, errBad
		}
		return who, nil
	}
	if strings.Count(secret, ".") == 2 && strings.EqualFold(scheme, "bearer") {
		return s.signed(secret)
	}
	return nil, errBad
}

// signed is the App that signed a JSON web token.
func (s *Stub) signed(token string) (*credential, error) {
	parts := strings.Split(token, ".")
	var head struct{ Alg string }
	var claims struct {
		Iss      json.RawMessage
		Iat, Exp int64
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || decode(parts[0], &head) != nil || decode(parts[1], &claims) != nil || head.Alg != "RS256" {
		return nil, errJWT
	}
	app := s.known(strings.Trim(string(claims.Iss), `"`))
	if app == nil || app.Key == nil {
		return nil, denied("Integration not found")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(app.Key, crypto.SHA256, sum[:], signature) != nil {
		return nil, errJWT
	}
	now := s.now().Unix()
	switch {
	case claims.Exp <= now:
		return nil, denied("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.Exp > now+600:
		return nil, denied("'Expiration time' claim ('exp') is too far in the future")
	case claims.Iat > now:
		return nil, denied("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return &credential{kind: "app", login: app.Slug + "[bot]", app: app}, nil
}

// known is the App of an id or client id.
func (s *Stub) known(issuer string) *App {
	for id, app := range s.apps {
		if issuer != "" && (issuer == app.ClientID || issuer == strconv.FormatInt(id, 10)) {
			return app
		}
	}
	return nil
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// refuses who may not.
func (route route) refuses(who *credential) (answer, bool) {
	refused := refuse(http.StatusForbidden, map[string]string{
		"app":          "Resource not accessible by integration",
		"installation": "Resource not accessible by integration",
		"token":        "Resource not accessible by personal access token",
	}[who.kind])
	switch {
	case route.right == nil:
		return answer{}, false
	case slices.Contains(route.right, "app"):
		if who.kind != "app" {
			return refuse(http.StatusUnauthorized, errJWT.Error()), true
		}
		return answer{}, false
	case slices.Contains(route.right, "user"):
		return refused, who.kind != "token"
	case who.kind == "app":
		return refused, true
	case slices.Contains(route.right, "checks") && route.level == "write" && who.kind != "installation":
		return refuse(http.StatusForbidden, "You must authenticate via a GitHub App."), true
	}
	may := slices.ContainsFunc(route.right, func(right string) bool { return who.may(right, route.level) })
	return refused, !may
}

func (c *credential) may(right, level string) bool {
	has := c.rights[right]
	return c.rights == nil || right == "metadata" || has == "write" || has == level
}

// sees says whether it reaches a repository.
func (c *credential) sees(repo string) bool { return c.repos == nil || slices.Contains(c.repos, repo) }

func (s *Stub) user(c *call) answer {
	us := s.as(User{Login: c.who.login})
	return ok(s.like("private-user-response-with-public-profile-information", nil, object{"login": us.Login, "id": us.ID, "type": us.Type}))
}

func (s *Stub) app(c *call) answer {
	return ok(s.like("integration", nil, object{"id": c.who.app.ID, "slug": c.who.app.Slug, "name": c.who.app.Slug,
		"permissions": c.who.app.permissions()}))
}

// everything is all that Watchbill's App can use.
var everything = map[string]string{"metadata": "read", "contents": "read", "statuses": "write", "checks": "write",
	"pull_requests": "write", "issues": "write", "deployments": "write"}

func (a *App) permissions() map[string]string {
	if a.Rights == nil {
		return everything
	}
	return a.Rights
}

func (s *Stub) installation(c *call) answer {
	app := c.who.app
	if id := c.PathValue("id"); id != "" && !app.installed(id) {
		return notFound()
	}
	set := object{"id": app.Installation, "app_id": app.ID, "app_slug": app.Slug, "permissions": app.permissions(),
		"access_tokens_url": s.base + "/app/installations/" + strconv.FormatInt(app.Installation, 10) + "/access_tokens"}
	if c.repo != nil {
		set["account.login"] = c.repo.Owner
	}
	return ok(s.like("installation", nil, set))
}

func (a *App) installed(id string) bool { return id == strconv.FormatInt(a.Installation, 10) }

// createToken gives a token of an installation, with no more rights than it has.
func (s *Stub) createToken(c *call) answer {
	app := c.who.app
	if !app.installed(c.PathValue("id")) {
		return notFound()
	}
	if app.Suspended {
		return refuse(http.StatusForbidden, "This installation has been suspended")
	}
	var asked struct {
		Permissions  map[string]string
		Repositories []string
	}
	if len(c.body) > 0 {
		if err := c.read(&asked); err != nil {
			return refuse(http.StatusBadRequest, "Problems parsing JSON")
		}
	}
	whole := credential{rights: app.Rights}
	for right, level := range asked.Permissions {
		if !whole.may(right, level) {
			return refuse(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
		}
	}
	for _, name := range asked.Repositories {
		if !s.has(name) {
			return refuse(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
	}
	who := &credential{kind: "installation", login: app.Slug + "[bot]", app: app, rights: app.Rights, repos: asked.Repositories,
		expires: s.now().Add(s.tokenLife)}
	if asked.Permissions != nil {
		who.rights = maps.Clone(asked.Permissions)
	}
	token := "ghs_" + rand.Text()
	s.tokens[token] = who
	shown := app.permissions()
	if asked.Permissions != nil {
		shown = asked.Permissions
	}
	selection := map[bool]string{true: "all", false: "selected"}[who.repos == nil]
	body := s.like("installation-token", nil, object{"token": token, "expires_at": stamp(who.expires), "permissions": shown,
		"repository_selection": selection})
	delete(body, "repositories")
	return created(body)
}
