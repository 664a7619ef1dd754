package repolayout

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is a hint that names the known word closest to what was written,
// or else all of them.
func didYouMean(written string, known []string) string {
	if best := closest(written, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return ""
	}
	known = slices.Sorted(slices.Values(known))
	return "known here: " + strings.Join(known, ", ")
}

// closest is the known word that is nearest to what was written, or empty when
// none is near enough for a slip of the pen.
func closest(written string, known []string) string {
	best, least := "", len(plain(written))/3+2
	for _, k := range known {
		if d := distance(plain(written), plain(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// plain leaves out what people spell differently without meaning another word.
func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
}

// distance is the number of letters to put in, take out, change or swap with
// their neighbour to make b of a. Words of unlike length are not compared.
func distance(a, b string) int {
	const far = 1 << 20
	if len(a) > 64 || len(b) > 64 || len(a) > 2*len(b)+2 || len(b) > 2*len(a)+2 {
		return far
	}
	var before []int
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
