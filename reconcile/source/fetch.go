package source

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// maxHaves is how many commits the remote is told that the clone holds. Some
// more than one, for after a force-push it may know an ancestor of the old head
// only.
const maxHaves = 64

// fetch is one attempt: the remote's references, the objects that are missing,
// then the clone's own reference. Only the last of these makes the new head the
// one that a restart begins with.
func (s *Source) fetch(ctx context.Context) (Revision, error) {
	session, refs, err := s.begin(ctx)
	if err != nil {
		return Revision{}, err
	}
	defer session.Close()
	head, ok := refs.References[s.clone.branch.String()]
	if !ok {
		return Revision{}, &kindError{ErrBranch, "the remote has " + branches(refs)}
	}
	full := s.clone.bloated(s.objects.size())
	if !s.objects.has(head) || full {
		if err := s.download(ctx, session, refs, head, full); err != nil {
			if full { // not again before the clone has doubled once more
				s.clone.baseline = s.objects.size()
			}
			return Revision{}, err
		}
	}
	return s.advance(head)
}

// begin starts a conversation, which the caller closes, with the remote's references.
func (s *Source) begin(ctx context.Context) (session, *packp.AdvRefs, error) {
	if err := s.objects.damage(); err != nil {
		return nil, nil, err
	}
	return s.remote.begin(ctx)
}

// fetchRef is one attempt at a reference that is not the branch. What it brings
// stays in the clone's packs until the clone is made anew.
func (s *Source) fetchRef(ctx context.Context, ref plumbing.ReferenceName) (Revision, error) {
	session, refs, err := s.begin(ctx)
	if err != nil {
		return Revision{}, err
	}
	defer session.Close()
	commit, ok := refs.References[ref.String()]
	if !ok {
		return Revision{}, &kindError{ErrRef, "the remote does not name it"}
	}
	if !s.objects.has(commit) {
		if err := s.download(ctx, session, refs, commit, false); err != nil {
			return Revision{}, err
		}
	}
	rev, err := s.revision(commit)
	if err != nil {
		return Revision{}, damaged(err)
	}
	return rev, nil
}

// advance makes head the branch's head in the clone.
func (s *Source) advance(head plumbing.Hash) (Revision, error) {
	rev, err := s.revision(head)
	if err != nil {
		return Revision{}, damaged(err)
	}
	if s.head == head {
		s.objects.rest()
	} else if err := s.move(head); err != nil {
		return Revision{}, err
	}
	rev.Previous, rev.Forced = s.previous, s.forced
	return rev, nil
}

// move follows the branch to another head, and sees whether it got there along
// its history.
func (s *Source) move(head plumbing.Hash) error {
	old, forced := s.head, false
	// The old head may be gone from the clone; then nothing can be said of it.
	if s.objects.has(old) {
		kept, err := s.objects.isAncestor(old, head)
		if err != nil {
			return damaged(err)
		}
		forced = !kept
	}
	if err := s.clone.setHead(head); err != nil {
		return err
	}
	s.head, s.previous, s.forced = head, "", forced
	if !old.IsZero() {
		s.previous = old.String()
	}
	if err := s.objects.consolidate(); err != nil {
		s.opts.Log.Warn("packs of the clone could not be joined", "dir", s.opts.Dir, "error", err)
	}
	return nil
}

// download brings head and what it needs. With full, nothing is said to be
// there already, and what comes replaces everything that is.
func (s *Source) download(ctx context.Context, session session, refs *packp.AdvRefs, head plumbing.Hash, full bool) error {
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	// Progress is for people who wait; without it the server sends less.
	if refs.Capabilities.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return fmt.Errorf("asking for no progress: %w", err)
		}
	}
	req.Wants = []plumbing.Hash{head}
	if !full && !s.head.IsZero() {
		haves, err := s.objects.newest(s.head, maxHaves)
		if err != nil {
			return damaged(err)
		}
		req.Haves = haves
	}
	answer, err := session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer answer.Close()
	p, err := receive(s.clone.packDir(), packOf(req, answer), s.opts.MaxBytes, s.opts.MaxObjectBytes)
	if err != nil {
		return err
	}
	if full || s.head.IsZero() {
		if err := s.objects.replace(p); err != nil {
			return err
		}
		return s.clone.setBaseline(s.objects.size())
	}
	s.objects.add(p)
	return nil
}

// packOf strips the answer of the channels that a server mixes into it.
func packOf(req *packp.UploadPackRequest, answer io.Reader) io.Reader {
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, answer)
	case req.Capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, answer)
	}
	return answer
}

// branches lists some of the remote's branches, for the eye.
func branches(refs *packp.AdvRefs) string {
	var names []string
	for ref := range refs.References {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			names = append(names, printable(name, 60))
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(a, b) })
	switch n := len(names); {
	case n == 0:
		return "no branches"
	case n > 5:
		return fmt.Sprintf("%s and %d others", strings.Join(names[:5], ", "), n-5)
	}
	return strings.Join(names, ", ")
}
