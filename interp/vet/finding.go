// Package vet checks blueprints, native CUE and legacy YAML alike, without a
// cluster, a network or a credential. Every mistake becomes one Finding at the
// user's own line, and every report format is rendered from the findings.
package vet

import (
	"cmp"
	"slices"
)

// Severity says whether a blueprint with the finding can work.
type Severity string

const (
	// Error marks what fails, or does nothing, when the blueprint runs.
	Error Severity = "error"
	// Warning marks what works, and is likely to be not what was meant.
	Warning Severity = "warning"
	// Info marks what works, and could be better.
	Info Severity = "info"
)

// A Finding is one mistake. Its JSON form is described in docs/vet-json.md.
type Finding struct {
	// Rule is the stable name of the rule; docs/rules/RULE.md explains it.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// File as the user named it.
	File string `json:"file"`
	// Line and Column count from 1, columns in Unicode code points. EndColumn is
	// the first column after the span. All are 0 if the finding is about a whole
	// file or folder.
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndLine   int `json:"endLine"`
	EndColumn int `json:"endColumn"`
	// Path leads to the place inside the blueprint, such as
	// actions.backup.phases.dump.args.image. It is empty where there is none.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	// Expected and Found are the type or value that belongs here and the one that
	// stands here.
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	// Suggestion says how to mend it, as a sentence.
	Suggestion string `json:"suggestion,omitempty"`
	// Replacement is the text to put in the place of the span, if it is known.
	Replacement string `json:"replacement,omitempty"`
	// Snippet is the source line of Line. Of a very long one it is the part around the
	// span, which begins at SnippetColumn; else that is 0.
	Snippet       string `json:"snippet,omitempty"`
	SnippetColumn int    `json:"snippetColumn,omitempty"`
	// Help is the address of the rule's page.
	Help string `json:"help"`
}

// Sort puts findings into their one order: by file, position, severity and rule.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, compare)
}

func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Severity.rank(), b.Severity.rank()),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Message, b.Message),
	)
}

// Count returns the numbers of errors and of warnings. Findings of severity Info count
// as neither.
func Count(findings []Finding) (errors, warnings int) {
	for _, f := range findings {
		switch f.Severity {
		case Error:
			errors++
		case Warning:
			warnings++
		}
	}
	return errors, warnings
}

// anyError tells whether one of the findings is an error.
func anyError(findings []Finding) bool {
	errors, _ := Count(findings)
	return errors > 0
}

// rank orders severities by weight.
func (s Severity) rank() int {
	return slices.Index([]Severity{Error, Warning, Info}, s)
}

// one keeps a single finding for one mistake: where there is an error, nothing else at
// its position, and else one of each rule. findings must be sorted. Findings about a
// whole file are all kept.
func one(findings []Finding) []Finding {
	var kept []Finding
	here := 0 // where those of the present position begin
	for _, f := range findings {
		if len(kept) > 0 && !samePlace(kept[len(kept)-1], f) {
			here = len(kept)
		}
		if !slices.ContainsFunc(kept[here:], func(k Finding) bool { return k.hides(f) }) {
			kept = append(kept, f)
		}
	}
	return kept
}

func samePlace(a, b Finding) bool {
	return a.File == b.File && a.Line == b.Line && a.Column == b.Column
}

// hides tells whether another finding at the same position says nothing more.
func (f Finding) hides(other Finding) bool {
	if f.Line == 0 {
		return f == other
	}
	return f.Severity == Error || f.Rule == other.Rule
}
