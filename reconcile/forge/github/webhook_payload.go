package github

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// payload is all that is taken from a delivery.
type payload struct {
	Action     string `json:"action"`
	Ref        string `json:"ref"`
	Number     int64  `json:"number"`
	Repository *struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	CheckSuite suite `json:"check_suite"`
	CheckRun   struct {
		suite
		CheckSuite suite `json:"check_suite"`
	} `json:"check_run"`
}

// suite is what check suites and check runs have in common.
type suite struct {
	PullRequests []struct {
		Number int64 `json:"number"`
	} `json:"pull_requests"`
}

const (
	branchPrefix = "refs/heads/"
	// maxRef is far more than a git server takes.
	maxRef = 1024
)

// errPayload does not quote what is wrong: the payload goes into no log.
var errPayload = errors.New("it is not what GitHub describes")

// read takes the hint out of a payload that is signed.
func (w *Webhook) read(name string, body []byte) (forge.Event, error) {
	other := forge.Event{Kind: forge.Other}
	switch name {
	case "push", "pull_request", "check_suite", "check_run", "ping":
	default:
		return other, nil
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return forge.Event{}, errPayload
	}
	if name == "ping" && p.Repository == nil { // of an organization's webhook
		return forge.Event{Kind: forge.Ping}, nil
	}
	if p.Repository == nil {
		return forge.Event{}, errPayload
	}
	if ours := w.Owner + "/" + w.Name; !strings.EqualFold(p.Repository.FullName, ours) {
		w.logger().Info("webhook delivery is of another repository", "event", name, "want", ours)
		return other, nil
	}
	switch name {
	case "push":
		return pushed(p.Ref)
	case "pull_request":
		return proposed(p.Action, p.Number)
	case "check_suite":
		return asked(p.Action, p.CheckSuite)
	case "check_run":
		return asked(p.Action, p.CheckRun.suite, p.CheckRun.CheckSuite)
	}
	return forge.Event{Kind: forge.Ping}, nil
}

func (w *Webhook) logger() *slog.Logger { return cmp.Or(w.Log, slog.Default()) }

// pushed is about branches; tags are nothing to us.
func pushed(ref string) (forge.Event, error) {
	if len(ref) > maxRef || !strings.HasPrefix(ref, "refs/") || strings.ContainsFunc(ref, unicode.IsControl) {
		return forge.Event{}, errPayload
	}
	branch, ok := strings.CutPrefix(ref, branchPrefix)
	switch {
	case !ok:
		return forge.Event{Kind: forge.Other}, nil
	case branch == "":
		return forge.Event{}, errPayload
	}
	return forge.Event{Kind: forge.Pushed, Branch: branch}, nil
}

// moves are the actions after which there may be something else to say on a
// pull request; labels, reviewers and the like are none.
var moves = []string{"opened", "reopened", "synchronize", "edited", "ready_for_review", "closed"}

func proposed(action string, number int64) (forge.Event, error) {
	if !valid(number) {
		return forge.Event{}, errPayload
	}
	if !slices.Contains(moves, action) {
		return forge.Event{Kind: forge.Other}, nil
	}
	return forge.Event{Kind: forge.Proposed, Pull: int(number)}, nil
}

// asked says that a person wants a check again. GitHub names no pull request if
// it comes from a fork, and several if they share their newest commit: then it
// is any.
func asked(action string, suites ...suite) (forge.Event, error) {
	var numbers []int64
	for _, s := range suites {
		for _, pull := range s.PullRequests {
			if !valid(pull.Number) {
				return forge.Event{}, errPayload
			}
			numbers = append(numbers, pull.Number)
		}
	}
	if action != "rerequested" {
		return forge.Event{Kind: forge.Other}, nil
	}
	slices.Sort(numbers)
	event := forge.Event{Kind: forge.Proposed}
	if numbers = slices.Compact(numbers); len(numbers) == 1 {
		event.Pull = int(numbers[0])
	}
	return event, nil
}

func valid(number int64) bool { return number > 0 && number <= math.MaxInt32 }
