package source

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/watchbill/watchbill/reconcile/source/signature"
)

// propose makes a branch with one change, and its merge into main as a reference of its own.
func (o *origin) propose(file, content string) (head, merge string) {
	o.t.Helper()
	main := o.git("rev-parse", "HEAD")
	o.git("checkout", "-q", "-B", "feature", main)
	write(o.t, filepath.Join(o.work, file), content)
	o.git("add", "-A")
	o.git("commit", "-q", "-m", "proposed")
	head = o.git("rev-parse", "HEAD")
	o.git("checkout", "-q", "-B", "result", main)
	o.git("merge", "-q", "--no-ff", "-m", "result", "feature")
	merge = o.git("rev-parse", "HEAD")
	o.git("push", "-q", "-f", "origin", "feature:refs/pull/7/head", "result:refs/pull/7/merge")
	o.git("checkout", "-q", "-B", "main", main)
	return head, merge
}

func TestFetchRef(t *testing.T) {
	for _, first := range []bool{true, false} {
		o := newOrigin(t, nil)
		main := o.push(map[string]string{"a": "1"})
		head, merge := o.propose("b", "proposed")
		s := open(t, o.options(t))
		if first {
			fetch(t, s)
		}
		rev, err := s.FetchRef(t.Context(), "refs/pull/7/merge")
		if err != nil {
			t.Fatal(err)
		}
		if rev.Commit != merge || !slices.Equal(rev.Parents, []string{main, head}) || read(t, rev, "b") != "proposed" {
			t.Errorf("the result of the merge: %+v", rev)
		}
		after := fetch(t, s)
		if after.Commit != main || after.Forced {
			t.Errorf("the branch afterwards: %+v", after)
		}
		if _, err := s.FetchRef(t.Context(), "refs/pull/8/merge"); !errors.Is(err, ErrRef) || Transient(err) {
			t.Errorf("a reference that is not there: %v", err)
		}
		_, merge = o.propose("b", "proposed again")
		if rev, err = s.FetchRef(t.Context(), "refs/pull/7/merge"); err != nil || rev.Commit != merge || read(t, rev, "b") != "proposed again" {
			t.Errorf("after a force-push: %+v, %v", rev, err)
		}
	}
}

// What git itself has signed is what is verified.
func TestSignedByGit(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("git signs with ssh-keygen, which is in the package openssh-client")
	}
	o := newOrigin(t, nil)
	key := filepath.Join(t.TempDir(), "key")
	run(t, ".", keygen, "-q", "-t", "ed25519", "-N", "", "-f", key)
	o.git("config", "gpg.format", "ssh")
	o.git("config", "user.signingkey", key)
	write(t, filepath.Join(o.work, "a"), "1")
	o.git("add", "-A")
	o.git("-c", "commit.gpgsign=true", "commit", "-q", "-m", "signed\n\nwith a body\n")
	o.git("push", "-q", "origin", "HEAD:main")
	signed := fetch(t, open(t, o.options(t)))

	list := filepath.Join(t.TempDir(), "allowed_signers")
	write(t, list, "ann@example.org "+run(t, ".", keygen, "-y", "-f", key)+"\n")
	signers := &signature.Signers{SSHFile: list}
	if who, err := signers.Verify(signed.Signed.Payload, signed.Signed.Signature, signed.Time); err != nil || who != "ann@example.org" {
		t.Errorf("signed by git: %q, %v", who, err)
	}
	o.push(map[string]string{"a": "2"})
	unsigned := fetch(t, open(t, o.options(t)))
	if _, err := signers.Verify(unsigned.Signed.Payload, unsigned.Signed.Signature, unsigned.Time); !errors.Is(err, signature.ErrUnsigned) {
		t.Errorf("not signed: %v", err)
	}
	if _, err := signers.Verify(unsigned.Signed.Payload, signed.Signed.Signature, signed.Time); !errors.Is(err, signature.ErrBad) {
		t.Errorf("with another commit's signature: %v", err)
	}
}

func TestTokenThatIsMadeAnew(t *testing.T) {
	o := newOrigin(t, map[string]string{"x-access-token": planted})
	commit := o.push(map[string]string{"a": "1"})
	answers := []error{errors.New("the App is not installed"), nil}
	opts := o.options(t)
	opts.Auth.Token = func(context.Context) (string, error) {
		err := answers[0]
		answers = answers[1:]
		return planted, err
	}
	s := open(t, opts)
	if _, err := s.Fetch(t.Context()); !errors.Is(err, ErrCredential) {
		t.Errorf("without a token: %v", err)
	}
	if rev := fetch(t, s); rev.Commit != commit {
		t.Errorf("with a token: %+v", rev)
	}
}
