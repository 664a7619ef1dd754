package validate

import (
	"iter"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// The checks that ask a running Prometheus. Package live makes their findings;
// here they are known, so that policies and comments can name them.
const (
	liveCost        = "live/cost"
	liveFails       = "live/fails"
	liveLabel       = "live/label"
	liveNoSeries    = "live/no-series"
	liveUnavailable = "live/unavailable"
)

// LabelUse is a label that a template prints, and the bytes of the text that say so.
type LabelUse struct {
	Label    string
	From, To int
}

// PrintedLabels lists the labels that the template of an alert prints without
// having tested whether they are there.
func PrintedLabels(text string) []LabelUse {
	if len(text) > maxText {
		return nil
	}
	var uses []LabelUse
	for _, use := range printedLabels(text) {
		uses = append(uses, LabelUse{Label: use.label, From: use.from, To: use.to})
	}
	return uses
}

// DidYouMean is a hint that names the known word nearest to the one given, or
// "" when none is near enough to be meant.
func DidYouMean(word string, known iter.Seq[string]) string { return didYouMean(word, known) }

// Settle takes findings of another package through what people say of them: the
// comments that silence checks, and the repo's policies.
func Settle(findings []Finding, repo *repolayout.Repo, today time.Time) []Finding {
	said := make([]Finding, 0, len(findings))
	silences := silencesOfRepo(repo)
	for _, team := range repo.Teams {
		silences = append(silences, silencesOf(team)...)
	}
	for _, f := range silenced(Sort(findings), silences, today.UTC()) {
		if f.Check != rulesIgnore { // Validator says what is wrong with the comments themselves
			said = append(said, f)
		}
	}
	return Sort(Judge(said, repo.Stack.Policies))
}
