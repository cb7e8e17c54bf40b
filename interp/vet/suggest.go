package vet

import (
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/schema/suggest"
)

// hint fills in suggestion and replacement: the nearest candidate, or else what
// there is to choose from. what names the candidates, as in "arguments of KubeTask".
func (f Finding) hint(name, what string, candidates []string) Finding {
	if near := suggest.Nearest(name, candidates); near != "" {
		f.Suggestion = fmt.Sprintf("did you mean %q?", near)
		f.Replacement = near
		return f
	}
	f.Suggestion = choices(what, candidates)
	return f
}

// choices lists the candidates, the first dozen of them.
func choices(what string, candidates []string) string {
	const most = 12
	switch n := len(candidates); {
	case n == 0:
		return "there are no " + what
	case n > most:
		return fmt.Sprintf("%s: %s and %d more", what, strings.Join(candidates[:most], ", "), n-most)
	default:
		return fmt.Sprintf("%s: %s", what, strings.Join(candidates, ", "))
	}
}
