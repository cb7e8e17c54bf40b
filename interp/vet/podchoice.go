package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// podChoices lists the values that a type of podSpec has; nil for one that takes any.
func podChoices(typ string) []string {
	if !strings.Contains(typ, "|") {
		return nil
	}
	return strings.Split(typ, "|")
}

// podChoice checks a text that must be one of some; none at all is the default.
func (c *legacyChecker) podChoice(v *compat.Value, values []string, path string) {
	switch {
	case v.Kind != compat.String:
		c.podMismatch(v, choiceText(values), path)
	case v.Str != "" && !isTemplate(v.Str) && !slices.Contains(values, v.Str):
		c.value(v, path, podChoiceFinding(podFieldPath(path), v.Str, values))
	}
}

// podChoice checks what is known of such a text already.
func (a *cueAction) podChoice(path []string, values []string) {
	if !a.podKind(path, choiceText(values), cue.StringKind) {
		return
	}
	if text := a.text(path...); text != "" && !slices.Contains(values, text) {
		a.podFinding(path, false, podChoiceFinding(podFieldPath(pathText(path)), text, values))
	}
}

func podChoiceFinding(field, found string, values []string) Finding {
	expected := choiceText(values)
	f := Finding{
		Rule:     rulePodOverride,
		Message:  fmt.Sprintf("%s: expected %s, found %q", field, expected, found),
		Expected: expected,
		Found:    fmt.Sprintf("string %q", found),
	}
	if near := suggest.Nearest(found, values); near != "" {
		f = f.hint(found, "values", values)
	}
	return f
}

// choiceText lists values as in "A, B or C"; of very many the first.
func choiceText(values []string) string {
	const most = 12
	last := len(values) - 1
	if last >= most {
		return fmt.Sprintf("%s or one of %d more", strings.Join(values[:most], ", "), len(values)-most)
	}
	return strings.Join(values[:last], ", ") + " or " + values[last]
}

// podFieldPath is a path from the podOverride on, if it leads through one.
func podFieldPath(path string) string {
	if i := strings.Index(path, "podOverride."); i >= 0 {
		return path[i:]
	}
	return path
}
