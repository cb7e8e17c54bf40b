package blueprinttest

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
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Line      int           `xml:"line,attr,omitempty"`
		Time      string        `xml:"time,attr,omitempty"`
		Failure   *junitProblem `xml:"failure,omitempty"`
		Error     *junitProblem `xml:"error,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a test suite for each package. A package that cannot be read is a
// case with an error.
func (r *Report) WriteJUnit(w io.Writer) error {
	all := junitSuites{}
	for _, p := range r.Packages {
		s := p.junit()
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Suites = append(all.Suites, s)
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

func (p *PackageOutcome) junit() junitSuite {
	s := junitSuite{Name: p.Dir, Failures: p.failed()}
	total := 0.0
	for _, t := range p.Tests {
		c := junitCase{Name: t.Name, Classname: p.Dir, File: t.File, Line: t.Line, Time: seconds(t.Milliseconds)}
		if !t.Passed {
			c.Failure = problem(t.Failures)
		}
		s.Cases = append(s.Cases, c)
		total += t.Milliseconds
	}
	if len(p.Errors) > 0 {
		s.Errors = 1
		s.Cases = append(s.Cases, junitCase{Name: p.Dir, Classname: p.Dir, Error: problem(p.Errors)})
	}
	s.Tests, s.Time = len(s.Cases), seconds(total)
	return s
}

func seconds(milliseconds float64) string { return fmt.Sprintf("%.6f", milliseconds/1000) }

func problem(failures []Failure) *junitProblem {
	var b strings.Builder
	for _, f := range failures {
		f.writeText(&b, "")
	}
	return &junitProblem{Message: failures[0].place() + failures[0].Message, Text: b.String()}
}
