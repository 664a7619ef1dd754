package forge

import (
	"context"
	"errors"
	"net/http"
)

// Forge is all that Watchbill asks of the place that hosts the monitoring repo.
// Each method is idempotent: saying what is shown already changes nothing there,
// and costs no write. Errors are as with Reporter: a *RetryError may go well
// later, every other is for good.
type Forge interface {
	Reporter
	// Pulls lists the open pull requests against a branch.
	Pulls(ctx context.Context, branch string) ([]Pull, error)
	// Pull returns one pull request, open or not.
	Pull(ctx context.Context, number int) (Pull, error)
	// Comment shows one comment on a pull request, in the place of the one before.
	Comment(ctx context.Context, c Comment) error
	// Check shows findings at their lines. ErrUnsupported says that there is no such thing, or no right to it.
	Check(ctx context.Context, c Check) error
	// Deploy shows how far a commit has come in an environment. ErrUnsupported as with Check.
	Deploy(ctx context.Context, d Deployment) error
}

// ErrUnsupported says that the forge has no such thing, or that we may not use it.
var ErrUnsupported = errors.New("not supported by the forge, or not allowed to us")

// Pull is a change that is proposed: GitHub's pull request.
type Pull struct {
	Number     int
	Title, URL string
	Author     string
	// Base is the branch that it is to be merged into, and Head the full id of its newest commit, which statuses go to.
	Base, Head string
	// MergeRef is the reference at the git remote that holds the result of the
	// merge: a commit whose last parent is Head.
	MergeRef string
	// Conflict says that there is no such result, as far as the forge knows.
	Conflict bool
	// Fork says that it comes from another repository, whose writers are not ours.
	Fork bool
	// Open is false once it is merged or closed.
	Open bool
}

// Comment is what is said on a pull request, once.
type Comment struct {
	Pull int
	// Key tells our comment from those of others and from our other ones, in letters, digits, / and -.
	Key string
	// Body in Markdown. A forge with less room cuts it at a line, and says so.
	Body string
}

// Check is what is said of one commit's files.
type Check struct {
	Commit string
	Name   string // e.g. "watchbill/validate"
	State  State
	// Title is one line; Summary is Markdown.
	Title, Summary string
	// URL leads to more; may be empty.
	URL   string
	Notes []Note
}

// Note is one remark on a line of a file.
type Note struct {
	File string
	// Line and EndLine count from one; Column and EndColumn too, or are zero when they are not known.
	Line, EndLine, Column, EndColumn int
	Failure                          bool // else a warning
	Title, Message                   string
}

// Deployment is how far a commit has come in an environment.
type Deployment struct {
	Commit, Environment string
	State               State
	// Text is one line for people.
	Text string
	URL  string
}

// Event is what a forge's webhook hints at. Nothing in it is believed: it says
// only where to look.
type Event struct {
	Kind EventKind
	// Delivery tells one delivery from another; a repeated one has the same.
	Delivery string
	Branch   string // of Pushed
	Pull     int    // of Proposed; zero is any
}

// EventKind is what happened at the forge.
type EventKind string

// The kinds of events.
const (
	Pushed   EventKind = "push"     // a branch moved, came or went
	Proposed EventKind = "proposal" // a pull request was opened, pushed to, closed; or its check is asked for again
	Ping     EventKind = "ping"     // the webhook was set up
	Other    EventKind = "other"    // nothing that we look at
)

// Hook reads a delivery of a forge's webhook, and refuses one that is not from
// there with ErrForged.
type Hook interface {
	Event(header http.Header, body []byte) (Event, error)
}

// ErrForged says that a delivery is not signed as the forge would sign it.
var ErrForged = errors.New("the signature is missing or wrong")
