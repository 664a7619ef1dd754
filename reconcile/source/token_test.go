package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/test/gitserver"
)

// A token that the remote refuses is replaced, once for a fetch.
func TestTokenThatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		right  int // which of the tokens git takes
		status int // that git answers with, whoever asks
		fails  int // which of the tokens is not to be had
		keep   bool
		want   []string
		kind   error
		says   string
	}{
		"the first is right":       {right: 1, want: []string{"give 1"}},
		"the second is right":      {right: 2, want: []string{"give 1", "refused 1", "give 2"}},
		"the third would be right": {right: 3, want: []string{"give 1", "refused 1", "give 2"}, kind: ErrCredential, says: "a name and a password"},
		"no second":                {right: 2, fails: 2, want: []string{"give 1", "refused 1", "give 2"}, kind: ErrCredential, says: "no token 2"},
		"no first":                 {right: 2, fails: 1, want: []string{"give 1"}, kind: ErrCredential, says: "no token 1"},
		"nobody is told":           {right: 2, keep: true, want: []string{"give 1"}, kind: ErrCredential},
		"no other is to be had":    {right: 3, fails: -1, want: []string{"give 1", "refused 1"}, kind: ErrCredential, says: "a name and a password"},
		"no right to it":           {right: 1, status: http.StatusForbidden, want: []string{"give 1"}, kind: ErrCredential},
		"not found":                {right: 1, status: http.StatusNotFound, want: []string{"give 1"}, kind: ErrRepository},
		"git is away":              {right: 1, status: http.StatusBadGateway, want: []string{"give 1"}, kind: ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, map[string]string{"x-access-token": fmt.Sprint(planted, test.right)})
			commit := o.push(map[string]string{"a": "1"})
			if test.status != 0 {
				o.server.SetFault(&gitserver.Fault{Status: test.status})
			}
			var got []string
			given := 0
			opts := o.options(t)
			opts.Auth.Token = func(context.Context) (string, error) {
				given++
				got = append(got, fmt.Sprint("give ", given))
				if given == test.fails {
					return "", fmt.Errorf("no token %d", given)
				}
				return fmt.Sprint(planted, given), nil
			}
			opts.Auth.Refused = func(_ context.Context, token string) error {
				got = append(got, "refused "+strings.TrimPrefix(token, planted))
				if test.fails < 0 {
					return errors.New("no other one")
				}
				return nil
			}
			if test.keep {
				opts.Auth.Refused = nil
			}
			rev, err := open(t, opts).Fetch(t.Context())
			if !errors.Is(err, test.kind) || test.kind == nil && rev.Commit != commit {
				t.Errorf("%+v, %v", rev, err)
			}
			if err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), planted)) {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
