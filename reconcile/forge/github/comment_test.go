package github

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

func say1(t *testing.T, c *Client, body string) {
	t.Helper()
	if err := c.Comment(t.Context(), forge.Comment{Pull: 1, Key: "validate", Body: body}); err != nil {
		t.Error(err)
	}
}

func TestCommentIsOne(t *testing.T) {
	as(t, newStand, func(t *testing.T, s *stand, opts func() Options, us judge.User) {
		const mark = "<!-- watchbill validate -->\n"
		// Those of others, and our others, are left alone.
		s.addComment(judge.User{Login: "sam"}, mark+"forged")
		s.addComment(judge.User{Login: us.Login, ID: 99, Type: "User"}, mark+"forged")
		s.addComment(judge.User{Login: "watchbill-example[bot]", Type: "User"}, mark+"forged")
		s.addComment(us, "hello\n"+mark+"quoted")
		s.addComment(us, "<!-- watchbill validate-more -->\nanother key")
		s.addComment(judge.User{Login: "other[bot]"}, mark+"forged")
		others := s.bodies()
		check := func(body string) {
			t.Helper()
			want := map[int64]string{}
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
	as(t, newStand, func(t *testing.T, s *stand, opts func() Options, us judge.User) {
		const mark = "<!-- watchbill validate -->\n"
		for _, id := range []int64{33, 31, 32} {
			s.repo.SetComment(judge.Comment{ID: id, Pull: 1, By: us, Body: mark + "old"})
		}
		say1(t, newClient(t, opts()), "new")
		if diff := cmp.Diff(map[int64]string{31: mark + "new"}, s.bodies()); diff != "" {
			t.Error(diff)
		}
		// The other one's comment comes while ours is written.
		s.repo.RemoveComments(1)
		s.Fail(judge.Failure{Method: http.MethodPost, Path: "/comments", Do: func() {
			s.repo.SetComment(judge.Comment{ID: 50, Pull: 1, By: us, Body: mark + "other"})
		}})
		c := newClient(t, opts())
		say1(t, c, "ours")
		if diff := cmp.Diff(map[int64]string{50: mark + "ours"}, s.bodies()); diff != "" {
			t.Error(diff)
		}
		say1(t, c, "ours again")
		if diff := cmp.Diff(map[int64]string{50: mark + "ours again"}, s.bodies()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCommentDeletedByOthers(t *testing.T) {
	s := newStand(t)
	c := newClient(t, s.options())
	say1(t, c, "first")
	s.repo.RemoveComments(1)
	say1(t, c, "second")
	say1(t, c, "third")
	if got := s.repo.Comments(1); len(got) != 1 || !strings.HasSuffix(got[0].Body, "third") {
		t.Errorf("%v", got)
	}
}

// A write whose answer was lost is not repeated.
func TestCommentAfterALostAnswer(t *testing.T) {
	s := newStand(t)
	c := newClient(t, s.options())
	s.Fail(judge.Failure{Fault: judge.HangUp, Method: http.MethodPost, Times: 1})
	s.Fail(judge.Failure{Fault: judge.Lost, Method: http.MethodPatch, Times: 1})
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
	s.Fail(judge.Failure{Fault: judge.HangUp, Method: http.MethodPatch, Times: 1})
	if err := c.Comment(t.Context(), forge.Comment{Pull: 1, Key: "validate", Body: "third"}); again(err) != 0 {
		t.Errorf("lost answer: %v", err)
	}
	say1(t, c, "second")
	if got := s.repo.Comments(1); len(got) != 1 || got[0].Body != marker("validate")+"second" {
		t.Errorf("%v", got)
	}
}

func TestCommentErrors(t *testing.T) {
	s := newStand(t)
	for _, bad := range []forge.Comment{{Pull: 1}, {Key: "a"}, {Pull: 1, Key: "a -->"}, {Pull: 1, Key: "a b"}, {Pull: -1, Key: "a"}} {
		if err := newClient(t, s.options()).Comment(t.Context(), bad); again(err) != -2 {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for _, test := range []struct {
		fault judge.Failure
		again bool
		says  string
	}{
		{judge.Failure{Fault: judge.Forbidden, Message: "Unable to create comment because issue is locked."}, false, "locked"},
		{judge.Failure{Fault: judge.Forbidden, Message: "Resource not accessible by personal access token"}, true, `"Pull requests: write"`},
		{judge.Failure{Fault: judge.NotFound}, false, "repository's name"},
		{judge.Failure{Fault: judge.NotFound, Status: http.StatusGone, Message: "This issue was deleted"}, false, "deleted"},
		{judge.Failure{Fault: judge.Unavailable}, true, "503"},
	} {
		s.Mend()
		test.fault.Method = http.MethodPost
		s.Fail(test.fault)
		err := newClient(t, s.options()).Comment(t.Context(), forge.Comment{Pull: 1, Key: "a", Body: "x"})
		if err == nil || (again(err) >= 0) != test.again || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v", test.fault, err)
		}
	}
}

func TestCommentIsCut(t *testing.T) {
	s := newStand(t)
	say1(t, newClient(t, s.options()), strings.Repeat("ä very long line\n", 10000)) // GitHub refuses more than it takes
	if n := len(s.bodies()); n != 1 {
		t.Errorf("%d comments", n)
	}
	for _, body := range s.bodies() {
		if n := len([]rune(body)); n < 65400 || !strings.HasSuffix(body, "line"+cutNotice) {
			t.Errorf("%d characters: …%q", n, body[len(body)-60:])
		}
	}
}
