package ruletest

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// nearest is the known word that is most like the one given, or "" when none is
// like enough to be meant.
func nearest(word string, known []string) string {
	const alike, longest = 0.7, 128
	if len(word) > longest {
		return ""
	}
	best, bestRatio := "", alike
	letters := strings.Split(word, "")
	for _, candidate := range known {
		if candidate == word || len(candidate) > longest {
			continue
		}
		ratio := difflib.NewMatcher(letters, strings.Split(candidate, "")).QuickRatio()
		if ratio > bestRatio || ratio == bestRatio && candidate < best {
			best, bestRatio = candidate, ratio
		}
	}
	return best
}
