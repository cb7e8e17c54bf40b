package blueprinttest

// A Report is what came of all tests.
type Report struct {
	// Packages in the order of their folders.
	Packages []*PackageOutcome
}

// A PackageOutcome is what came of the tests of one package.
type PackageOutcome struct {
	// Dir is the package's folder, as the user named it.
	Dir string `json:"dir"`
	// Errors say why the package could not be read; there are no tests then.
	Errors []Failure `json:"errors"`
	Tests  []Outcome `json:"tests"`
}

// An Outcome is what came of one test.
type Outcome struct {
	Name string `json:"name"`
	// File and Line are where the test stands, the file as the user would name it.
	File      string `json:"file"`
	Line      int    `json:"line"`
	Blueprint string `json:"blueprint"`
	Action    string `json:"action"`
	Passed    bool   `json:"passed"`
	// Milliseconds that it took.
	Milliseconds float64 `json:"milliseconds"`
	// Failures in the order found.
	Failures []Failure `json:"failures"`
}

// A Failure is an expectation that does not hold, or a mistake in the test.
type Failure struct {
	// File, Line and Column, which counts bytes from 1, are where the expectation
	// stands. Line and Column are 0 where that is not known.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// Message says what is wrong, as a sentence without its end.
	Message string `json:"message"`
	// Expected and Found are the two sides in CUE, where there are two.
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	// Diff has the differing lines of texts of several lines.
	Diff string `json:"diff,omitempty"`
}

// Count returns the numbers of tests that passed, of those that failed, and of packages
// that could not be read.
func (r *Report) Count() (passed, failed, broken int) {
	for _, p := range r.Packages {
		if len(p.Errors) > 0 {
			broken++
		}
		for _, t := range p.Tests {
			if t.Passed {
				passed++
			} else {
				failed++
			}
		}
	}
	return passed, failed, broken
}
