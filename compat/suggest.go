package compat

import "strings"

// nearest returns the candidate that name is most likely a slip of, or "".
func nearest(name string, candidates []string) string {
	best, limit := "", 1+len(name)/4
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			return c
		}
		// Of a very short name, another letter makes another name.
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d <= limit && 2*d <= len(name) {
			best, limit = c, d-1
		}
	}
	return best
}

// editDistance counts the insertions, deletions and substitutions of bytes that
// make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
