// Package junit writes reports as CI servers read them, in the XML of JUnit.
package junit

import (
	"encoding/xml"
	"io"
)

// A Report is what is written. The numbers of tests and failures come from the cases.
type Report struct {
	Suites []Suite
	// CountErrors has the numbers of errors written too, for reports that tell what could
	// not be tested from what failed.
	CountErrors bool
}

// A Suite is what belongs together, such as the tests of a package.
type Suite struct {
	Name  string
	Time  string // seconds; may be empty
	Cases []Case
}

// A Case is one test. It passed if it has neither a Failure nor an Error.
type Case struct {
	Name      string   `xml:"name,attr"`
	Classname string   `xml:"classname,attr"`
	File      string   `xml:"file,attr,omitempty"`
	Line      int      `xml:"line,attr,omitempty"`
	Time      string   `xml:"time,attr,omitempty"` // seconds
	Failure   *Problem `xml:"failure,omitempty"`
	Error     *Problem `xml:"error,omitempty"`
	Output    string   `xml:"system-out,omitempty"`
}

// A Problem is why a case did not pass: in a line, and whole.
type Problem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

type (
	document struct {
		XMLName xml.Name `xml:"testsuites"`
		counts
		Suites []suite `xml:"testsuite"`
	}
	suite struct {
		Name string `xml:"name,attr"`
		counts
		Time  string `xml:"time,attr,omitempty"`
		Cases []Case `xml:"testcase"`
	}
	counts struct {
		Tests    int  `xml:"tests,attr"`
		Failures int  `xml:"failures,attr"`
		Errors   *int `xml:"errors,attr"` // nil is not written
	}
)

// Write writes the report as a document of its own.
func (r Report) Write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(r.document()); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r Report) document() document {
	all := document{counts: r.counts()}
	for _, s := range r.Suites {
		own := suite{Name: s.Name, counts: r.counts(s.Cases...), Time: s.Time, Cases: s.Cases}
		all.Suites = append(all.Suites, own)
		all.add(own.counts)
	}
	return all
}

func (r Report) counts(cases ...Case) counts {
	n := counts{Tests: len(cases)}
	if r.CountErrors {
		n.Errors = new(int)
	}
	for _, c := range cases {
		if c.Failure != nil {
			n.Failures++
		}
		if c.Error != nil && n.Errors != nil {
			*n.Errors++
		}
	}
	return n
}

func (n *counts) add(more counts) {
	n.Tests += more.Tests
	n.Failures += more.Failures
	if n.Errors != nil {
		*n.Errors += *more.Errors
	}
}
