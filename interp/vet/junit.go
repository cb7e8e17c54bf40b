package vet

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Failure   *junitFailure `xml:"failure,omitempty"`
		Output    string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
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
	all := junitSuites{}
	for _, name := range sortedKeys(byFile) {
		suite := junitSuiteOf(name, byFile[name])
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitSuiteOf(name string, findings []Finding) junitSuite {
	suite := junitSuite{Name: name}
	for _, f := range findings {
		c := junitCase{Name: fmt.Sprintf("%s %s", location(f), f.Rule), Classname: f.Rule}
		if f.Severity == Error {
			c.Failure = &junitFailure{Message: f.Message, Type: f.Rule, Text: junitText(f)}
			suite.Failures++
		} else {
			c.Output = junitText(f)
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(findings) == 0 {
		suite.Cases = []junitCase{{Name: name, Classname: "vet"}}
	}
	suite.Tests = len(suite.Cases)
	return suite
}

func junitText(f Finding) string {
	var b strings.Builder
	writeHead(&b, f, false)
	writeSnippet(&b, f, false)
	return b.String()
}
