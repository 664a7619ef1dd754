package github

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func say1(t *testing.T, c *Client, body string) {
	t.Helper()
	if err := c.Comment(t.Context(), forge.Comment{Pull: 1, Key: "validate", Body: body}); err != nil {
		t.Error(err)
	}
}

var (
	bot    = object{"login": "watchbill-acme[bot]", "id": 70, "type": "Bot"}
	viewer = object{"login": "watchbill-bot", "id": 7, "type": "User"}
	sam    = object{"login": "sam", "id": 8, "type": "User"}
)

// as runs a test with a user's token and as an App, whose comments bear that author.
func as(t *testing.T, test func(t *testing.T, s *stub, opts func() Options, us object)) {
	t.Run("token", func(t *testing.T) { s := newStub(t); test(t, s, s.options, viewer) })
	t.Run("App", func(t *testing.T) { s := newStub(t); test(t, s, s.appOptions, bot) })
}

func TestCommentIsOne(t *testing.T) {
	as(t, func(t *testing.T, s *stub, opts func() Options, us object) {
		const mark = "<!-- watchbill validate -->\n"
		// Those of others, and our others, are left alone.
		s.addComment(1, sam, mark+"forged")
		s.addComment(2, object{"login": "watchbill-acme[bot]", "id": 9, "type": "User"}, mark+"forged")
		s.addComment(3, us, "hello\n"+mark+"quoted")
		s.addComment(4, us, "<!-- watchbill validate-more -->\nanother key")
		s.addComment(5, object{"login": "other[bot]", "id": 71, "type": "Bot"}, mark+"forged")
		others := s.bodies()
		check := func(body string) {
			t.Helper()
			want := map[int]string{}
			for id, b := range others {
				want[id] = b
			}
			got := s.bodies()
			for id := range got {
				if _, ok := others[id]; !ok {
					want[id] = mark + body
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got) != len(others)+1 {
				t.Error(diff)
			}
		}
		c := newClient(t, opts())
		say1(t, c, "first")
		check("first")
		for range 2 {
			say1(t, c, "second")
		}
		check("second")
		s.heard()
		say1(t, c, "second")
		if n := s.count(); n != 0 {
			t.Errorf("said again: %d requests", n)
		}
		// After a restart the comment is found, and left as it is.
		c = newClient(t, opts())
		say1(t, c, "second\r\n")
		for _, request := range s.heard() {
			if !strings.HasPrefix(request, "GET") && !strings.HasSuffix(request, "/access_tokens") {
				t.Errorf("after a restart: %s", request)
			}
		}
		say1(t, c, "third")
		check("third")
	})
}

// Two daemons wrote at the same time: the older comment stays.
func TestCommentAfterARace(t *testing.T) {
	as(t, func(t *testing.T, s *stub, opts func() Options, us object) {
		const mark = "<!-- watchbill validate -->\n"
		for _, id := range []int{3, 1, 2} {
			s.addComment(id, us, mark+"old")
		}
		say1(t, newClient(t, opts()), "new")
		if diff := cmp.Diff(map[int]string{1: mark + "new"}, s.bodies()); diff != "" {
			t.Error(diff)
		}
		// The other one's comment comes while ours is written.
		s.comments = nil
		s.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/comments") {
				s.comments = append(s.comments, object{"id": 50, "issue": "1", "user": us, "body": mark + "other"})
			}
			return false
		})
		c := newClient(t, opts())
		say1(t, c, "ours")
		if diff := cmp.Diff(map[int]string{50: mark + "ours"}, s.bodies()); diff != "" {
			t.Error(diff)
		}
		say1(t, c, "ours again")
		if diff := cmp.Diff(map[int]string{50: mark + "ours again"}, s.bodies()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCommentDeletedByOthers(t *testing.T) {
	s := newStub(t)
	c := newClient(t, s.options())
	say1(t, c, "first")
	s.comments = nil
	say1(t, c, "second")
	say1(t, c, "third")
	if got := s.bodies(); len(got) != 1 || !strings.HasSuffix(got[s.nextID-1], "third") && !strings.HasSuffix(got[s.nextID-2], "third") {
		t.Errorf("%v", got)
	}
}

// A write whose answer was lost is not repeated.
func TestCommentAfterALostAnswer(t *testing.T) {
	s := newStub(t)
	c := newClient(t, s.options())
	lost := 2
	s.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if lost == 0 || r.Method == http.MethodGet {
			return false
		}
		lost--
		if r.Method == http.MethodPost {
			r.SetPathValue("number", "1")
			s.createComment(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	})
	for _, body := range []string{"first", "second"} {
		cm := forge.Comment{Pull: 1, Key: "validate", Body: body}
		if err := c.Comment(t.Context(), cm); again(err) != 0 {
			t.Errorf("lost answer: %v", err)
		}
		if err := c.Comment(t.Context(), cm); err != nil {
			t.Error(err)
		}
	}
	// What GitHub shows after that is not known, and so it is asked.
	lost = 1
	s.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if lost == 0 || r.Method == http.MethodGet {
			return false
		}
		lost--
		panic(http.ErrAbortHandler)
	})
	if err := c.Comment(t.Context(), forge.Comment{Pull: 1, Key: "validate", Body: "third"}); again(err) != 0 {
		t.Errorf("lost answer: %v", err)
	}
	s.comments[0]["body"] = marker("validate") + "third"
	say1(t, c, "second")
	for _, body := range s.bodies() {
		if body != marker("validate")+"second" || len(s.bodies()) != 1 {
			t.Errorf("%v", s.bodies())
		}
	}
}

func TestCommentErrors(t *testing.T) {
	s := newStub(t)
	for _, bad := range []forge.Comment{{Pull: 1}, {Key: "a"}, {Pull: 1, Key: "a -->"}, {Pull: 1, Key: "a b"}, {Pull: -1, Key: "a"}} {
		if err := newClient(t, s.options()).Comment(t.Context(), bad); again(err) != -2 {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for _, test := range []struct {
		code    int
		message string
		again   bool
		says    string
	}{
		{403, "Unable to create comment because issue is locked.", false, "locked"},
		{403, "Resource not accessible by personal access token", true, `"Pull requests: write"`},
		{404, "Not Found", false, "repository's name"},
		{410, "This issue was deleted", false, "deleted"},
		{503, "away", true, "503"},
	} {
		s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				refuse(w, test.code, test.message)
			}
			return r.Method == http.MethodPost
		})
		err := newClient(t, s.options()).Comment(t.Context(), forge.Comment{Pull: 1, Key: "a", Body: "x"})
		if err == nil || (again(err) >= 0) != test.again || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%d %s: %v", test.code, test.message, err)
		}
	}
}

func TestCommentIsCut(t *testing.T) {
	s := newStub(t)
	say1(t, newClient(t, s.options()), strings.Repeat("ä very long line\n", 10000)) // the stub refuses more than GitHub does
	for _, body := range s.bodies() {
		if n := len([]rune(body)); n < 65400 || !strings.HasSuffix(body, "line"+cutNotice) {
			t.Errorf("%d characters: …%q", n, body[len(body)-60:])
		}
	}
}
