package compat

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
)

// boolFor writes a boolean for a place that takes those kinds. As text Kanister
// makes 1 and 0 of it.
func boolFor(b bool, kinds cue.Kind) string {
	switch {
	case kinds != cue.StringKind:
		return strconv.FormatBool(b)
	case b:
		return `"1"`
	}
	return `"0"`
}

func intFor(i int64, kinds cue.Kind) string {
	text := strconv.FormatInt(i, 10)
	switch kinds {
	case cue.StringKind:
		return quoteText(text)
	case cue.BoolKind:
		return strconv.FormatBool(i != 0)
	}
	return text
}

// formatFloat writes a number in decimal, as Kanister makes text of it.
func formatFloat(f float64) string {
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// string converts a string that may be a template. What cannot be CUE becomes a
// hidden field in fields, named after name; lets that the CUE needs go there too.
func (ac *actionConverter) string(v *Value, name string, wantInt bool, fields *[]*cueField) string {
	if v.Kind != String {
		return quoteText(v.Str)
	}
	if !isTemplate(v.Str) {
		return quoteText(v.Str)
	}
	expr, uses, err := ac.scope.translate(v.Str, wantInt)
	if err != nil {
		label := ac.scope.hiddenLabel(name)
		ac.keep(v, keptNode{label: label, text: v.Str, offset: strings.Index(v.Str, "{{"), reason: err.Error()}, fields)
		if wantInt {
			ac.uses.imports["strconv"] = true
			return "strconv.Atoi(" + label + ")"
		}
		return label
	}
	ac.out.Native += countActions(v.Str)
	for _, k := range uses.kept {
		ac.out.Native -= countActions(k.text)
		ac.keep(v, k, fields)
	}
	ac.uses.add(uses)
	*fields = append(*fields, uses.lets...)
	return expr
}

// countActions counts the {{ … }} of a template.
func countActions(text string) int { return strings.Count(text, "{{") }

// keep writes a hidden field for a template, and reports it.
func (ac *actionConverter) keep(v *Value, k keptNode, fields *[]*cueField) {
	line, column := v.PosAt(k.offset)
	ac.out.Kept = append(ac.out.Kept, KeptTemplate{Line: line, Column: column, Actions: countActions(k.text), Reason: k.reason})
	*fields = append(*fields, &cueField{label: k.label, expr: "string", attr: "@gotmpl(" + quoteTemplate(k.text) + ")"})
}

// quoteTemplate writes a template with as few escapes as can be.
func quoteTemplate(text string) string {
	pieces := []piece{{text: text}}
	if strings.Contains(text, "\n") {
		return multiLine(pieces)
	}
	if strings.HasPrefix(text, `""`) {
		return cueLine(pieces)
	}
	return quoteWith(pieces, hashes(pieces, `"`))
}
