package validate

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// didYouMean is a hint that names the known word nearest to the one given, or
// "" when none is near enough to be meant.
func didYouMean(word string, known iter.Seq[string]) string {
	type near struct {
		word                string
		distance, lengthens int
	}
	var best *near
	for candidate := range known {
		n := near{candidate, editDistance(word, candidate), abs(len(candidate) - len(word))}
		if n.distance > len(word)/3+1 || n.distance == 0 {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(n.distance, best.distance), cmp.Compare(n.lengthens, best.lengthens), cmp.Compare(n.word, best.word)) < 0 {
			best = &n
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best.word)
}

func abs(n int) int { return max(n, -n) }

// editDistance counts the letters to add, drop, change or swap with their
// neighbour. Words of very unlike length are as far as the longer one is long.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest || abs(len(a)-len(b)) > longest/4 {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := range len(a) {
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			rows[i+1][j+1] = slices.Min([]int{rows[i][j] + change, rows[i][j+1] + 1, rows[i+1][j] + 1})
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				rows[i+1][j+1] = min(rows[i+1][j+1], rows[i-1][j-1]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
