package github

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

type commentKey struct {
	pull int
	key  string
}

// shownComment is a comment of ours, and the digest of what it says.
type shownComment struct {
	id  int64
	sum [sha256.Size]byte
}

const (
	commentRight = `"Pull requests: write"`
	// maxBody is in characters of up to four bytes.
	maxBody = 65536
	// A page of the longest comments that there can be is still no longer than maxAnswer.
	commentsPerPage = 30
)

var keyForm = regexp.MustCompile(`^[A-Za-z0-9/-]{1,100}$`)

// marker is the first line of a comment of ours, and not shown.
func marker(key string) string { return "<!-- watchbill " + key + " -->\n" }

// Comment implements forge.Forge. Ours is the comment that was written by us and
// begins with the marker, so nobody else's text can pass for it.
func (c *Client) Comment(ctx context.Context, cm forge.Comment) error {
	if !keyForm.MatchString(cm.Key) || cm.Pull <= 0 {
		return errors.New("commenting: it needs a pull request, and a key of letters, digits, / and -")
	}
	doing := fmt.Sprintf("commenting on pull request %d", cm.Pull)
	end, err := c.begin(ctx, doing)
	if err != nil {
		return err
	}
	defer end()
	place := commentKey{cm.Pull, cm.Key}
	body := normal(marker(cm.Key) + cutMarkdown(cm.Body, maxBody-len(marker(cm.Key)), utf8.RuneCountInString))
	shown, ok := c.comments.load(place)
	if ok && shown.sum == sha256.Sum256([]byte(body)) {
		return nil
	}
	if err := c.spare(doing); err != nil {
		return err
	}
	if ok {
		err := c.edit(ctx, place, shown.id, body)
		if err == nil || !answered(err, http.StatusNotFound) {
			return c.explain(doing, commentRight, err)
		}
		// Somebody deleted it.
	}
	return c.explain(doing, commentRight, c.settle(ctx, place, body))
}

// settle makes the pull request show the body once. After a comment is written
// for the first time it looks again: another daemon may have done the same.
func (c *Client) settle(ctx context.Context, place commentKey, body string) error {
	ours, err := c.ours(ctx, place)
	if err != nil {
		return err
	}
	if len(ours) > 0 {
		return c.keepOldest(ctx, place, ours, body)
	}
	made, _, err := c.api.Issues.CreateComment(ctx, c.repo.Owner, c.repo.Name, place.pull, gh.IssueCommentRequest{Body: body})
	if err != nil {
		return err
	}
	if ours, err = c.ours(ctx, place); err != nil {
		return err
	}
	if len(ours) > 1 {
		return c.keepOldest(ctx, place, ours, body)
	}
	c.comments.store(place, shownComment{made.GetID(), sha256.Sum256([]byte(body))})
	return nil
}

func (c *Client) keepOldest(ctx context.Context, place commentKey, ours []*gh.IssueComment, body string) error {
	oldest := ours[0]
	if normal(oldest.GetBody()) != body {
		if err := c.edit(ctx, place, oldest.GetID(), body); err != nil {
			return err
		}
	}
	for _, extra := range ours[1:] {
		_, err := c.api.Issues.DeleteComment(ctx, c.repo.Owner, c.repo.Name, extra.GetID())
		if err != nil && !answered(err, http.StatusNotFound) {
			c.comments.drop(place)
			return err
		}
	}
	c.comments.store(place, shownComment{oldest.GetID(), sha256.Sum256([]byte(body))})
	return nil
}

func (c *Client) edit(ctx context.Context, place commentKey, id int64, body string) error {
	_, _, err := c.api.Issues.UpdateComment(ctx, c.repo.Owner, c.repo.Name, id, gh.IssueCommentRequest{Body: body})
	if err != nil {
		c.comments.drop(place) // it may have come through all the same
		return err
	}
	c.comments.store(place, shownComment{id, sha256.Sum256([]byte(body))})
	return nil
}

// ours are the comments of ours with the marker, the oldest first.
func (c *Client) ours(ctx context.Context, place commentKey) ([]*gh.IssueComment, error) {
	us, err := c.identity(ctx)
	if err != nil {
		return nil, err
	}
	opts := &gh.IssueListCommentsOptions{}
	opts.PerPage = commentsPerPage
	var found []*gh.IssueComment
	for {
		page, answer, err := c.api.Issues.ListComments(ctx, c.repo.Owner, c.repo.Name, place.pull, opts)
		if err != nil {
			return nil, err
		}
		for _, cm := range page {
			if us(cm.GetUser()) && strings.HasPrefix(normal(cm.GetBody())+"\n", marker(place.key)) {
				found = append(found, cm)
			}
		}
		if opts.Page = answer.NextPage; opts.Page == 0 {
			break
		}
	}
	slices.SortFunc(found, func(a, b *gh.IssueComment) int { return cmp.Compare(a.GetID(), b.GetID()) })
	return found, nil
}

// identity tells our own comments from those of others.
func (c *Client) identity(ctx context.Context) (func(*gh.User) bool, error) {
	if c.app != nil {
		_, slug, err := c.app.identity(ctx)
		return func(u *gh.User) bool { return u.GetType() == "Bot" && u.GetLogin() == slug+"[bot]" }, err
	}
	if c.viewer == nil {
		us, _, err := c.api.Users.Get(ctx, "")
		if err != nil {
			return nil, fmt.Errorf("asking whose the token is: %w", err)
		}
		c.viewer = us
	}
	return func(u *gh.User) bool { return u.GetID() == c.viewer.GetID() && u.GetLogin() == c.viewer.GetLogin() }, nil
}

// normal is a text as it compares with what GitHub gives back.
func normal(body string) string {
	return strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
}
