package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The kinds of [Error]; ask with errors.Is.
var (
	ErrUnreachable = errors.New("remote is unreachable")
	ErrTimeout     = errors.New("remote did not answer in time")
	ErrServer      = errors.New("remote cannot serve at the moment")
	ErrProtocol    = errors.New("remote does not answer as a git server does")
	ErrCertificate = errors.New("remote's certificate is not trusted")
	ErrHostKey     = errors.New("remote's host key is not the known one")
	ErrCredential  = errors.New("credential is missing or refused")
	ErrRepository  = errors.New("repository is not found")
	ErrEmpty       = errors.New("repository has no commits")
	ErrBranch      = errors.New("branch is not found")
	ErrRef         = errors.New("reference is not found")
	ErrCommit      = errors.New("commit is not found")
	ErrSize        = errors.New("repository is too large")
	ErrInUse       = errors.New("clone is used by another process")
	ErrDisk        = errors.New("clone cannot be read or written")
)

// ErrFileSize is what FS answers for a file that is larger than MaxFileBytes.
var ErrFileSize = errors.New("file is too large")

// hints say what a person can do. Those that are missing clear up by themselves.
var hints = map[error]string{
	ErrUnreachable: "check the URL, DNS and network policies; tried again at the next poll",
	ErrTimeout:     "tried again at the next poll; a longer timeout may help a large first clone",
	ErrServer:      "tried again at the next poll",
	ErrProtocol:    "check that the URL is the one that `git clone` takes",
	ErrCertificate: "give the certificate authority's file as CA bundle",
	ErrHostKey:     "compare the host's key with its owner's word, then correct the known_hosts file",
	ErrCredential:  "check that the credential is current and may read the repository",
	ErrRepository:  "check the URL, and that the credential may read the repository: many hosts hide what it may not",
	ErrEmpty:       "push a first commit",
	ErrBranch:      "push the branch again or follow another one",
	ErrRef:         "the pull request may be closed, or in conflict with its base",
	ErrCommit:      "it may have gone with a force-push; choose a commit of the branch",
	ErrSize:        "remove what is large from the history, or raise the limit",
	ErrInUse:       "give each process a folder of its own",
	ErrDisk:        "check the volume's free space and its permissions",
}

// waitForPerson are the kinds that no retry cures.
var waitForPerson = []error{
	ErrCertificate, ErrHostKey, ErrCredential, ErrRepository, ErrEmpty, ErrBranch, ErrRef, ErrCommit, ErrSize,
}

// Error is what Fetch, At and Open fail with. Its text is free of credentials
// and fit for a log or a commit status.
type Error struct {
	// Kind is one of the errors above, or nil when it is none of them.
	Kind error
	// Doing is what was being done; Cause is the reason in the words of whoever gave it.
	Doing, Cause string
	// Hint is what a person can do about it; may be empty.
	Hint string

	ctx error // context.Canceled or DeadlineExceeded, if that was the reason
}

// Error implements error.
func (e *Error) Error() string {
	parts := []string{e.Doing}
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	if e.Cause != "" {
		parts = append(parts, e.Cause)
	}
	text := strings.Join(parts, ": ")
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap gives the kind and the context's error, and never the cause, whose
// own text might hold a credential.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.ctx} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Transient says whether trying again may help without anybody doing anything.
// An error that nobody knows is transient.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	for _, kind := range waitForPerson {
		if errors.Is(err, kind) {
			return false
		}
	}
	return true
}

// kindError is an error of a known kind, before explain makes it an *Error.
type kindError struct {
	kind  error
	cause string
}

func (e *kindError) Error() string { return e.kind.Error() + ": " + e.cause }
func (e *kindError) Unwrap() error { return e.kind }

// explain makes err an *Error.
func explain(doing string, err error, redact func(string) string) error {
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	kind := kindOf(err)
	e := &Error{Kind: kind, Doing: doing, Hint: hints[kind]}
	for _, ctx := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ctx) {
			e.ctx = ctx
		}
	}
	var known *kindError
	switch {
	case errors.Is(e.ctx, context.Canceled):
		e.Kind, e.Hint, e.Cause = nil, "", "cancelled"
	case e.ctx != nil:
	case errors.As(err, &known):
		e.Cause = printable(redact(known.cause), 300)
	default:
		e.Cause = printable(redact(err.Error()), 300)
	}
	return e
}

var (
	errNoObject = errors.New("object is not in the clone")
	errDamaged  = errors.New("clone is damaged")
)

// damaged marks an error that a new clone cures.
func damaged(err error) error {
	if errors.Is(err, errDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}
