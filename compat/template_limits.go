package compat

import (
	"fmt"
	"strings"
)

// Limits of templates, far beyond those that anybody writes. The parser, and all that
// walks what it makes, call themselves for each if, range and with that stands in
// another, an `else if` included; a stack that runs over cannot be recovered from.
const (
	maxTemplateDepth   = 1000
	maxTemplateActions = 10_000
)

// checkSize refuses a template beyond the limits.
func checkSize(text string) error {
	// open has, for each if, range and with that is open, how many levels its `end`
	// closes.
	var open []int
	depth, actions := 0, 0
	for rest := text; ; {
		i := strings.Index(rest, "{{")
		if i < 0 {
			return nil
		}
		rest = rest[i+2:]
		words := firstWords(rest)
		switch {
		case words[0] == "end" && len(open) > 0:
			depth -= open[len(open)-1]
			open = open[:len(open)-1]
		case words[0] == "else" && words[1] != "" && len(open) > 0:
			depth++
			open[len(open)-1]++
		case opensBlock(words[0]):
			depth++
			open = append(open, 1)
		}
		actions++
		msg := ""
		switch {
		case actions > maxTemplateActions:
			msg = fmt.Sprintf("more than %d template actions in one text", maxTemplateActions)
		case depth > maxTemplateDepth:
			msg = fmt.Sprintf("nested more than %d levels deep", maxTemplateDepth)
		default:
			continue
		}
		return &TemplateError{Line: 1 + strings.Count(text[:len(text)-len(rest)], "\n"), Msg: msg}
	}
}

// opensBlock tells whether an action that begins with the word needs an `end`.
func opensBlock(word string) bool {
	switch word {
	case "if", "range", "with", "block", "define":
		return true
	}
	return false
}

// firstWords are the first two words of an action, empty where there is none.
func firstWords(action string) (words [2]string) {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for i := range words {
		action = strings.TrimLeft(action, "- \t\r\n")
		rest := strings.TrimLeft(action, letters)
		words[i] = action[:len(action)-len(rest)]
		action = rest
	}
	return words
}
