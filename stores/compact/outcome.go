package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// Kind is what came of a compaction.
type Kind string

// The kinds of outcomes.
const (
	Done          Kind = "done"
	Nothing       Kind = "nothing"       // there was nothing to do
	Overlap       Kind = "overlap"       // blocks of the same labels hold the same time
	Corrupt       Kind = "corrupt"       // a block cannot be read
	DiskFull      Kind = "disk-full"     // the scratch space is too small
	StoreAway     Kind = "store-away"    // the object store does not answer; may pass
	Denied        Kind = "denied"        // the credentials are wrong or lack a right
	NoBucket      Kind = "no-bucket"     // there is no bucket of that name
	Misconfigured Kind = "misconfigured" // Thanos does not take the flags or the configuration
	Killed        Kind = "killed"        // somebody else killed it, as happens where memory is short
	Ended         Kind = "ended"         // it was told to end: its deadline, or the lock was lost
	Unknown       Kind = "unknown"       // anything else; may pass
)

// Outcome is what came of a compaction.
type Outcome struct {
	Kind Kind
	// Blocks that are to blame, of Overlap and Corrupt.
	Blocks []string
	// Hint says what is wrong and what to do, unless the outcome is good.
	Hint   string
	Counts Counts
	// Lines are the last of the log.
	Lines []string
}

// Counts are what the compactor did.
type Counts struct {
	Compacted   int64 // blocks made of several
	Downsampled int64 // blocks made at a coarser resolution
	Marked      int64 // blocks marked for deletion, as others hold the same
	Deleted     int64 // blocks deleted whose marks were old enough
}

func (c *Counts) add(o Counts) {
	c.Compacted += o.Compacted
	c.Downsampled += o.Downsampled
	c.Marked += o.Marked
	c.Deleted += o.Deleted
}

func (c Counts) any() bool { return c != Counts{} }

// Good says that all is done that there was to do.
func (o *Outcome) Good() bool { return o.Kind == Done || o.Kind == Nothing }

// MayPass says that the next run may do better, without anybody's help.
func (o *Outcome) MayPass() bool {
	return o.Kind == StoreAway || o.Kind == Killed || o.Kind == Ended || o.Kind == Unknown
}

// ends says that the runs for other selectors would fare no better.
func (o *Outcome) ends() bool {
	return slices.Contains([]Kind{StoreAway, Denied, NoBucket, Misconfigured, Ended}, o.Kind)
}

// add takes in the outcome of one more run. The first fault is the whole's.
func (o *Outcome) add(one Outcome) {
	o.Counts.add(one.Counts)
	switch {
	case !o.Good():
		return // its lines say why
	case !one.Good():
		o.Kind, o.Blocks, o.Hint = one.Kind, one.Blocks, one.Hint
	case one.Kind == Done:
		o.Kind = Done
	}
	o.Lines = one.Lines
}

// conclude makes an outcome of how the child ended, what it said was wrong, and whether the disk was full.
func (o *Outcome) conclude(ctx context.Context, err error, fault string, full bool) {
	var exit *exec.ExitError
	switch {
	case err == nil && o.Counts.any():
		o.Kind = Done
	case err == nil:
		o.Kind = Nothing
	case ctx.Err() != nil:
		o.Kind, o.Hint = Ended, "it was told to end before it was done: "+context.Cause(ctx).Error()
	case !errors.As(err, &exit):
		o.Kind, o.Hint = Misconfigured, err.Error()
	case exit.Sys().(syscall.WaitStatus).Signaled():
		signal := exit.Sys().(syscall.WaitStatus).Signal()
		o.Kind, o.Hint = Killed, fmt.Sprintf("thanos was ended by signal %q; if memory was short, raise limits.memory of compact's resources", signal)
	default:
		o.judge(fault, full)
	}
}

// masked is all that Thanos says when a block cannot be fetched: whatever the
// cause, it cancels the other files of the block, and tells of that.
var masked = regexp.MustCompile(`download block \w+: context canceled`)

// judge makes an outcome of what the child said was wrong.
func (o *Outcome) judge(fault string, full bool) {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(fault, w) })
	}
	switch {
	case says("no space left on device", "disk quota exceeded", "file too large") || full && masked.MatchString(fault):
		o.Kind, o.Hint = DiskFull, "the scratch space is full; it must hold the blocks that are joined and the block that is made of them: raise compact.scratch in the environment file"
	case says(denials...):
		o.Kind, o.Hint = Denied, "the object store refuses: "+brief(fault)+"; it needs the rights to list, get, put and delete"
	case says("The specified bucket does not exist", "NoSuchBucket"):
		o.Kind, o.Hint = NoBucket, "there is no bucket of that name: "+brief(fault)
	case says("overlaps found while gathering blocks", "overlapping sources detected for plan", "overlaps with something"):
		o.Kind, o.Blocks = Overlap, blocksIn(fault)
		o.Hint = "blocks " + list(o.Blocks) + " have the same external labels and overlap in time, because two Prometheus had the same labels or two compactions ran at once; " +
			"see them by `watchbill store`, and mark the ones to go by `thanos tools bucket mark --marker=deletion-mark.json --id=BLOCK --details=overlap`"
	case says(corruptions...):
		o.Kind, o.Blocks = Corrupt, culprits(fault)
		o.Hint = "block " + list(o.Blocks) + " is broken (" + brief(lastPart(fault)) + "); upload it again if a volume still has it, " +
			"or leave it out by `thanos tools bucket mark --marker=no-compact-mark.json --id=" + cmp.Or(list(o.Blocks), "BLOCK") + " --details=broken`"
	case masked.MatchString(fault), says(faults...):
		o.Kind, o.Hint = StoreAway, "the object store does not answer as it should: "+brief(fault)
	case says("preparing compact command failed", "error: unknown", "error: invalid", "parsing"):
		o.Kind, o.Hint = Misconfigured, "thanos does not take its configuration: "+brief(fault)
	default:
		o.Kind, o.Hint = Unknown, "thanos failed: "+brief(cmp.Or(fault, "it did not say why"))
	}
}

// What S3 servers say in words of their own; Thanos passes no codes on.
var denials = []string{
	"Access Denied", "AccessDenied", "signature we calculated does not match", "Access Key Id you provided does not exist", "InvalidAccessKeyId",
	"No user exists with the provided access key", "SignatureDoesNotMatch", "token has expired", "ExpiredToken", "security token", "403 Forbidden",
	"not authorized to perform", "no credentials",
}

var corruptions = []string{
	"gather index issues for block", "block with not healthy index found", "out-of-order chunks", "invalid, but reparable block",
	"cannot populate chunk", "invalid result block", "block index not valid", "compact blocks [", "open block", "downsample block",
	"read meta from", "repair failed for block",
}

// faults of the network and of the store; whatever Thanos calls worth another try is one too.
var faults = []string{
	"connection refused", "connection reset", "broken pipe", "no such host", "i/o timeout", "deadline exceeded", "TLS handshake", "unexpected EOF", ": EOF",
	"server misbehaving", "no route to host", "network is unreachable", "internal error", "InternalError", "SlowDown", "reduce your request rate",
	"Service Unavailable", "ServiceUnavailable", "Bad Gateway", "Gateway Timeout", "500 Internal", "502 ", "503 ", "504 ",
	"iter bucket", "download block", "upload of", "for deletion", "sync before", "upload downsampled block", "context canceled", "try again",
}

const ulidPattern = `[0-7][0-9A-HJKMNP-TV-Z]{25}`

var (
	ulids       = regexp.MustCompile(ulidPattern)
	ofCompacted = regexp.MustCompile(`compact blocks \[[^\]]*\]: `)
	ofPath      = regexp.MustCompile(`(?:block|found|blocks?:)\s+(?:\S*/)?(` + ulidPattern + `)`)
)

// maxBlocks bounds how many blocks are named.
const maxBlocks = 6

// blocksIn are the blocks that a text names, in its order.
func blocksIn(text string) []string {
	var found []string
	for _, id := range ulids.FindAllString(text, 100) {
		if !slices.Contains(found, id) && len(found) < maxBlocks {
			found = append(found, id)
		}
	}
	return found
}

// culprits are the blocks that a fault is about: those named beside it rather
// than in the list of all that were to be joined.
func culprits(fault string) []string {
	rest := ofCompacted.ReplaceAllString(fault, "")
	if m := ofPath.FindStringSubmatch(rest); m != nil {
		return []string{m[1]}
	}
	if found := blocksIn(rest); len(found) > 0 {
		return found[:1]
	}
	return blocksIn(fault)
}

// lastPart is a fault without the long list before it.
func lastPart(fault string) string {
	if at := ofCompacted.FindStringIndex(fault); at != nil {
		return fault[at[1]:]
	}
	return fault
}

func list(blocks []string) string {
	if len(blocks) == maxBlocks {
		return strings.Join(blocks, ", ") + " and perhaps more"
	}
	return strings.Join(blocks, ", ")
}

// brief is a text's beginning, on one line.
func brief(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
