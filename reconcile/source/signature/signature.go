// Package signature says who has signed a commit, and whether that is one of
// those whose word is taken.
//
// Those are named in files of the cluster, not of the monitoring repo: whoever
// can push there could else name themselves. For SSH it is a file such as git's
// gpg.ssh.allowedSignersFile, described in ssh-keygen(1); for OpenPGP it is an
// armored keyring. Both are read anew when they change.
//
// As with git, the times between which an SSH key is valid are held against the
// committer's date; an OpenPGP key must be valid now.
package signature

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hiddeco/sshsig"
)

// Signers are those whose signature is taken. The zero value takes nobody's.
type Signers struct {
	// SSHFile is in the format of allowed_signers; PGPFile holds armored public
	// keys. Either may be empty.
	SSHFile, PGPFile string

	mu  sync.Mutex
	ssh cached[[]sshKey]
	pgp cached[pgpKeys]
}

// The kinds of refusal; ask with errors.Is.
var (
	ErrUnsigned  = errors.New("the commit is not signed")
	ErrStranger  = errors.New("it is signed by a key that is not among the allowed signers")
	ErrBad       = errors.New("the signature does not fit the commit")
	ErrMalformed = errors.New("the signature cannot be read")
	ErrSigners   = errors.New("the allowed signers cannot be read")
)

// Check fails the start of a daemon that could accept nothing.
func (s *Signers) Check() error {
	if s.SSHFile != "" {
		if _, err := s.sshKeys(); err != nil {
			return err
		}
	}
	if s.PGPFile != "" {
		if _, err := s.pgpKeys(); err != nil {
			return err
		}
	}
	return nil
}

// Verify returns who signed the payload: a principal of the SSH file, or the
// name that an OpenPGP key gives itself. The time is the committer's.
func (s *Signers) Verify(payload []byte, armor string, when time.Time) (string, error) {
	armor = strings.TrimSpace(armor)
	switch {
	case armor == "":
		return "", ErrUnsigned
	case strings.HasPrefix(armor, "-----BEGIN "+sshsig.PEMType+"-----"):
		return s.verifySSH(payload, armor, when)
	case strings.HasPrefix(armor, "-----BEGIN PGP SIGNATURE-----"):
		return s.verifyPGP(payload, armor)
	}
	return "", fmt.Errorf("%w: it is neither of OpenPGP nor of ssh-keygen", ErrMalformed)
}

// cached is what was read from a file, until the file changes.
type cached[T any] struct {
	at    time.Time
	size  int64
	value T
	known bool
}

// largest is more than any list of signers needs.
const largest = 4 << 20

func read[T any](c *cached[T], path string, parse func([]byte) (T, error)) (T, error) {
	info, err := os.Stat(path)
	if err != nil {
		return c.value, fmt.Errorf("%w: %w", ErrSigners, err)
	}
	if c.known && info.ModTime().Equal(c.at) && info.Size() == c.size {
		return c.value, nil
	}
	if info.Size() > largest {
		return c.value, fmt.Errorf("%w: %s is larger than %d bytes", ErrSigners, path, largest)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return c.value, fmt.Errorf("%w: %w", ErrSigners, err)
	}
	value, err := parse(content)
	if err != nil {
		return c.value, fmt.Errorf("%w: %s: %w", ErrSigners, path, err)
	}
	*c = cached[T]{at: info.ModTime(), size: info.Size(), value: value, known: true}
	return value, nil
}
