package vet

import "regexp"

// optionGiven tells whether what comes next in a template, after the text, is only rendered
// when the option is there: `hasKey .Options "NAME"` or `index .Options "NAME"` was asked,
// and the block that asked is still open.
func optionGiven(before, option string) bool {
	asked := regexp.MustCompile(`\b(?:if|with)\s[^{}]*(?:hasKey|index)\s+\.Options\s+"` + regexp.QuoteMeta(option) + `"`)
	for _, at := range asked.FindAllStringIndex(before, -1) {
		if blockOpen(before[at[1]:]) {
			return true
		}
	}
	return false
}

var blockAction = regexp.MustCompile(`\{\{-?\s*(if|with|range|block|define|else|end)\b`)

// blockOpen tells whether a block that was begun before the text goes on behind it, and not
// as its `else`.
func blockOpen(text string) bool {
	depth := 1
	for _, action := range blockAction.FindAllStringSubmatch(text, -1) {
		switch {
		case action[1] == "end":
			depth--
		case action[1] != "else":
			depth++
		case depth == 1:
			return false
		}
		if depth == 0 {
			return false
		}
	}
	return true
}
