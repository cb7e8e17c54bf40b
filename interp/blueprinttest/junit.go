package blueprinttest

import (
	"fmt"
	"io"
	"strings"

	"github.com/rescuecue/rescue/interp/junit"
)

// WriteJUnit writes a test suite for each package. A package that cannot be read is a
// case with an error.
func (r *Report) WriteJUnit(w io.Writer) error {
	report := junit.Report{CountErrors: true}
	for _, p := range r.Packages {
		report.Suites = append(report.Suites, p.junit())
	}
	return report.Write(w)
}

func (p *PackageOutcome) junit() junit.Suite {
	s := junit.Suite{Name: p.Dir}
	total := 0.0
	for _, t := range p.Tests {
		c := junit.Case{Name: t.Name, Classname: p.Dir, File: t.File, Line: t.Line, Time: seconds(t.Milliseconds)}
		if !t.Passed {
			c.Failure = problem(t.Failures)
		}
		s.Cases = append(s.Cases, c)
		total += t.Milliseconds
	}
	if len(p.Errors) > 0 {
		s.Cases = append(s.Cases, junit.Case{Name: p.Dir, Classname: p.Dir, Error: problem(p.Errors)})
	}
	s.Time = seconds(total)
	return s
}

func seconds(milliseconds float64) string { return fmt.Sprintf("%.6f", milliseconds/1000) }

func problem(failures []Failure) *junit.Problem {
	var b strings.Builder
	for _, f := range failures {
		f.writeText(&b, "")
	}
	return &junit.Problem{Message: failures[0].place() + failures[0].Message, Text: b.String()}
}
