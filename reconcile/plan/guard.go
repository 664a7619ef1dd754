package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Counts is the number of rules of each team that has any.
type Counts map[string]int

// Hold is a revision that removes more than it may without being asked twice.
type Hold struct {
	// ID is the word that releases exactly this removal, in guard.allow of watchbill.yaml.
	ID string
	// Teams that would lose every rule they have, sorted.
	Teams []string
	// Removed of Total live rules would vanish.
	Removed, Total int
}

func (h Hold) String() string {
	what := fmt.Sprintf("%d of %d rules would vanish", h.Removed, h.Total)
	if len(h.Teams) > 0 {
		what += ", all of team " + strings.Join(h.Teams, ", ")
	}
	return what + fmt.Sprintf("; if that is meant, add %s to guard.allow in watchbill.yaml", h.ID)
}

// Guard compares the rules that are live with those that a revision would make
// live. It holds when more than the share (a percentage such as "50%") of all
// rules would vanish, or all rules of any team; nil lets the revision pass.
func Guard(before, after Counts, share string, allow []string) (*Hold, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(share, "%"), 64)
	if err != nil {
		return nil, fmt.Errorf("read guard.maxRemovedRules %q: %w", share, err)
	}
	h := Hold{}
	sum := sha256.New()
	for _, team := range slices.Sorted(maps.Keys(before)) {
		had, has := before[team], after[team]
		h.Total += had
		if has >= had {
			continue
		}
		h.Removed += had - has
		if has == 0 {
			h.Teams = append(h.Teams, team)
		}
		fmt.Fprintf(sum, "%s %d %d\n", team, had, has)
	}
	h.ID = hex.EncodeToString(sum.Sum(nil))[:12]
	tooMany := float64(h.Removed)*100 > percent*float64(h.Total)
	if (!tooMany && len(h.Teams) == 0) || slices.Contains(allow, h.ID) {
		return nil, nil
	}
	return &h, nil
}
