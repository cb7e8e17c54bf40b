package vet

import (
	"fmt"
	"io"
	"strings"

	"github.com/rescuecue/rescue/interp/junit"
)

// WriteJUnit writes a test suite for each file that was checked. Errors are
// failures; warnings are cases that pass and say what they are about.
func WriteJUnit(w io.Writer, files []string, findings []Finding) error {
	byFile := map[string][]Finding{}
	for _, name := range files {
		byFile[name] = nil
	}
	for _, f := range findings {
		byFile[f.File] = append(byFile[f.File], f)
	}
	report := junit.Report{}
	for _, name := range sortedKeys(byFile) {
		report.Suites = append(report.Suites, junit.Suite{Name: name, Cases: junitCases(name, byFile[name])})
	}
	return report.Write(w)
}

func junitCases(name string, findings []Finding) []junit.Case {
	if len(findings) == 0 {
		return []junit.Case{{Name: name, Classname: "vet"}}
	}
	var cases []junit.Case
	for _, f := range findings {
		c := junit.Case{Name: fmt.Sprintf("%s %s", location(f), f.Rule), Classname: f.Rule}
		if f.Severity == Error {
			c.Failure = &junit.Problem{Message: f.Message, Type: f.Rule, Text: junitText(f)}
		} else {
			c.Output = junitText(f)
		}
		cases = append(cases, c)
	}
	return cases
}

func junitText(f Finding) string {
	var b strings.Builder
	writeHead(&b, f, false)
	writeSnippet(&b, f, false)
	return b.String()
}
