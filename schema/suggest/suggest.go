// Package suggest finds what a misspelt name was meant to be.
package suggest

import "strings"

// Nearest returns the candidate that name was most likely meant to be, or "".
// Upper and lower case make no difference; of equally near ones the first wins.
func Nearest(name string, candidates []string) string {
	best, distance := "", limit(name)+1
	for _, c := range candidates {
		if c == name {
			continue
		}
		d := difference(strings.ToLower(name), strings.ToLower(c))
		if d < distance {
			best, distance = c, d
		}
	}
	return best
}

// limit is the number of edits up to which two names count as the same word.
func limit(name string) int {
	switch n := len(name); {
	case n <= 2:
		return 0
	case n <= 4:
		return 1
	case n <= 8:
		return 2
	default:
		return 3
	}
}

// difference is the number of edits, where leaving off the end of a long word
// counts as two.
func difference(a, b string) int {
	const long = 6
	if n := commonPrefix(a, b); n >= long && min(len(a), len(b))-n <= 1 {
		return min(2, levenshtein(a, b))
	}
	return levenshtein(a, b)
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// levenshtein counts the insertions, deletions and substitutions from a to b, and
// the swaps of neighbours.
func levenshtein(a, b string) int {
	from, to := []rune(a), []rune(b)
	var before, last []int
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		before, last = last, row
		row = make([]int, len(to)+1)
		row[0] = i + 1
		for j := range to {
			cost := 1
			if from[i] == to[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && from[i] == to[j-1] && from[i-1] == to[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(to)]
}
