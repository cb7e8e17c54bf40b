package blueprinttest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteText writes a report for people to read: a line for each package, and what is
// wrong below it. With all, it names the tests that passed as well.
//
//	FAIL  examples/postgresql/tests  1 of 3 failed
//	  FAIL  a restore reads the dump
//	    tests.cue:31:20: phase load: args.pod is not what the test expects
//	      expected  "pg-1"
//	      found     "pg-0"
func (r *Report) WriteText(w io.Writer, all bool) error {
	out := bufio.NewWriter(w)
	for _, p := range r.Packages {
		fmt.Fprintf(out, "%-5s %s  %s\n", p.verdict(), p.Dir, p.summary())
		for _, f := range p.Errors {
			f.writeText(out, "  ")
		}
		for _, t := range p.Tests {
			t.writeText(out, all)
		}
	}
	return out.Flush()
}

func (p *PackageOutcome) failed() int {
	n := 0
	for _, t := range p.Tests {
		if !t.Passed {
			n++
		}
	}
	return n
}

func (p *PackageOutcome) verdict() string {
	if len(p.Errors) > 0 || p.failed() > 0 {
		return "FAIL"
	}
	return "ok"
}

func (p *PackageOutcome) summary() string {
	switch n := len(p.Tests); {
	case len(p.Errors) > 0:
		return "cannot be read"
	case p.failed() > 0:
		return fmt.Sprintf("%d of %d failed", p.failed(), n)
	case n == 1:
		return "1 test"
	default:
		return fmt.Sprintf("%d tests", n)
	}
}

func (o *Outcome) writeText(w io.Writer, all bool) {
	switch {
	case !o.Passed:
		fmt.Fprintf(w, "  FAIL  %s\n", o.Name)
	case all:
		fmt.Fprintf(w, "  ok    %s\n", o.Name)
	}
	for _, f := range o.Failures {
		f.writeText(w, "    ")
	}
}

// writeText writes a failure: a message of several lines, such as that of a run with
// several errors, stays together below its place.
func (f Failure) writeText(w io.Writer, margin string) {
	lines := strings.Split(f.Message, "\n")
	fmt.Fprintf(w, "%s%s%s\n", margin, f.place(), lines[0])
	margin += "  "
	for _, line := range lines[1:] {
		fmt.Fprintf(w, "%s%s\n", margin, line)
	}
	if f.Expected != "" {
		writeSide(w, margin, "expected", f.Expected)
	}
	if f.Found != "" {
		writeSide(w, margin, "found", f.Found)
	}
	for line := range strings.Lines(f.Diff) {
		fmt.Fprintf(w, "%s%s\n", margin, strings.TrimSuffix(line, "\n"))
	}
}

func writeSide(w io.Writer, margin, side, text string) {
	fmt.Fprintf(w, "%s%-9s %s\n", margin, side, strings.ReplaceAll(text, "\n", "\n"+margin+strings.Repeat(" ", 10)))
}

// place begins a line with where the failure stands.
func (f Failure) place() string {
	switch {
	case f.File == "":
		return ""
	case f.Line == 0:
		return f.File + ": "
	}
	return fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
}
