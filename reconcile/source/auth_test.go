package source

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"encoding/pem"

	"github.com/watchbill/watchbill/test/gitserver"
)

const planted = "s3cr3t-planted-value"

func secretFile(t *testing.T, content string) Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return Secret{File: path}
}

func TestBasicAuthentication(t *testing.T) {
	o := newOrigin(t, map[string]string{"bot": planted})
	commit := o.push(map[string]string{"a": "1"})

	_, err := open(t, o.options(t)).Fetch(t.Context())
	if !errors.Is(err, ErrCredential) || Transient(err) {
		t.Errorf("without a credential: %v", err)
	}
	opts := o.options(t)
	opts.Auth = Auth{Username: "bot", Password: secretFile(t, "wrong")}
	s := open(t, opts)
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCredential) {
		t.Errorf("with the wrong one: %v", err)
	}
	// The file is read again, so a corrected one helps at once.
	overwrite(t, opts.Auth.Password.File, planted+"\n")
	if rev := fetch(t, s); rev.Commit != commit {
		t.Errorf("with the right one: %+v", rev)
	}
	remove(t, opts.Auth.Password.File)
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCredential) || !strings.Contains(err.Error(), opts.Auth.Password.File) {
		t.Errorf("with a missing file: %v", err)
	}
	overwrite(t, opts.Auth.Password.File, "\n")
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCredential) {
		t.Errorf("with an empty file: %v", err)
	}
	t.Setenv("WATCHBILL_TEST_TOKEN", planted)
	opts = o.options(t)
	opts.Auth = Auth{Username: "bot", Password: Secret{Env: "WATCHBILL_TEST_TOKEN"}}
	fetch(t, open(t, opts))
}

// No credential may appear in an error, in the log or in the clone, even when
// the server says it back.
func TestCredentialsAreNeverShown(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("bot:" + planted))
	for name, auth := range map[string]Auth{
		"basic":  {Username: "bot", Password: secretFile(t, planted)},
		"bearer": {BearerToken: secretFile(t, planted)},
	} {
		t.Run(name, func(t *testing.T) {
			var status int
			var sent string
			redacted := 0
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent = r.Header.Get("Authorization")
				w.WriteHeader(status)
				fmt.Fprintf(w, "0040ERR you sent %s, that is %s at %s", sent, planted, r.URL)
			}))
			defer web.Close()
			opts := Options{URL: web.URL + "/repo.git", Branch: "main", Dir: t.TempDir(), Auth: auth}
			log, text := logs()
			opts.Log = log
			s := open(t, opts)
			for _, status = range []int{200, 302, 400, 401, 403, 404, 500} {
				_, err := s.Fetch(t.Context())
				if err == nil {
					t.Fatal("no error")
				}
				if sent == "" {
					t.Fatal("no credential was sent")
				}
				redacted += strings.Count(err.Error(), "REDACTED")
				for e := err; e != nil; e = errors.Unwrap(e) {
					shown := fmt.Sprintf("%v %+v %#v", e, e, e)
					if strings.Contains(shown, planted) || strings.Contains(shown, basic) {
						t.Errorf("status %d: %s", status, shown)
					}
				}
			}
			if redacted == 0 {
				t.Error("the server's words were never shown, so nothing was tested")
			}
			if strings.Contains(text.String(), planted) {
				t.Errorf("log: %s", text)
			}
			_ = filepath.WalkDir(opts.Dir, func(path string, d os.DirEntry, err error) error {
				if b, _ := os.ReadFile(path); strings.Contains(string(b), planted) {
					t.Errorf("%s holds the credential", path)
				}
				return err
			})
		})
	}
}

// A redirect to another host must not take the credential along.
func TestRedirectsLoseCredentials(t *testing.T) {
	var got string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got += r.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer other.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.String(), http.StatusFound)
	}))
	defer first.Close()
	s := open(t, Options{URL: first.URL + "/r", Branch: "main", Dir: t.TempDir(), Auth: Auth{Password: secretFile(t, planted)}})
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCredential) {
		t.Errorf("redirected: %v", err)
	}
	if got != "" {
		t.Errorf("the other host was sent %q", got)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	token := Secret{Env: "X"}
	tests := []struct {
		url  string
		auth Auth
		says string
	}{
		{"", Auth{}, "empty"},
		{"https://user:" + planted + "@example.com/r.git", Auth{}, "holds a credential"},
		{"https://" + planted + "@example.com/r.git", Auth{}, "holds a credential"},
		{"https://example.com/r.git?token=" + planted, Auth{}, "holds a credential"},
		{"https://example.com/r.git#" + planted, Auth{}, "holds a credential"},
		{"ssh://git:" + planted + "@example.com/r.git", Auth{}, "holds a credential"},
		{"git:" + planted + "@example.com:r.git", Auth{}, "holds a credential"},
		{"https://user:" + planted + "@exa mple.com/%zz", Auth{}, "not one that"},
		{"git://example.com/" + "r.git", Auth{}, "not supported"},
		{"https:///r.git", Auth{}, "names no host"},
		{"ssh://-oProxyCommand=x/r", Auth{}, "names no host"},
		{"file://host/r", Auth{}, "three slashes"},
		{"http://example.com/r.git", Auth{Password: token}, "readable by everyone"},
		{"http://example.com/r.git", Auth{BearerToken: token}, "readable by everyone"},
		{"https://example.com/r.git", Auth{BearerToken: token, Password: token}, "more than one"},
		{"git@example.com:r.git", Auth{}, "known_hosts"},
		{"git@example.com:r.git", Auth{SSHKey: token}, "known_hosts"},
		{"git@example.com:r.git", Auth{KnownHosts: "x"}, "known_hosts"},
		{"/srv/r.git", Auth{Password: token}, "takes none"},
	}
	for _, test := range tests {
		_, err := Open(Options{URL: test.url, Branch: "main", Dir: t.TempDir(), Auth: test.auth})
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.url, err)
		} else if strings.Contains(err.Error(), planted) {
			t.Errorf("the error shows the credential: %v", err)
		}
	}
	for _, branch := range []string{"", "a..b", "a b", "-x\x00", "x.lock", "a//b"} {
		if _, err := Open(Options{URL: "/r", Branch: branch, Dir: t.TempDir()}); err == nil {
			t.Errorf("branch %q is taken", branch)
		}
	}
	if _, err := Open(Options{URL: "/r", Branch: "main"}); err == nil {
		t.Error("no folder is taken")
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"https://a/b", "git@h:p", "ssh://u:p@h:22/x", "file:///x", "C:\\x", "http://u@h", "::", "a:b@c:d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		end, err := parseURL(raw)
		if err != nil {
			return
		}
		if end.Password != "" || (end.Protocol != "ssh" && end.User != "") {
			t.Errorf("%q: a credential was let through: %+v", raw, end)
		}
	})
}

func TestCABundle(t *testing.T) {
	o := newOrigin(t, nil)
	commit := o.push(map[string]string{"a": "1"})
	handler, err := gitserver.New(gitserver.Options{Root: o.root})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewTLSServer(handler)
	defer web.Close()
	opts := o.options(t)
	opts.URL = web.URL + "/repo.git"
	_, err = open(t, opts).Fetch(t.Context())
	if !errors.Is(err, ErrCertificate) || Transient(err) {
		t.Errorf("an unknown authority: %v", err)
	}
	opts.Dir = t.TempDir()
	opts.CABundle = filepath.Join(t.TempDir(), "ca.pem")
	s := open(t, opts)
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCertificate) {
		t.Errorf("a missing bundle: %v", err)
	}
	overwrite(t, opts.CABundle, "nothing of the kind")
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCertificate) {
		t.Errorf("a bundle without certificates: %v", err)
	}
	overwrite(t, opts.CABundle, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})))
	if rev := fetch(t, s); rev.Commit != commit {
		t.Errorf("with the right bundle: %+v", rev)
	}
}
