package blueprinttest

import (
	"encoding/json"
	"io"
)

// FormatVersion of the JSON report.
const FormatVersion = "1.0"

// WriteJSON writes a report as one document, described in docs/testing.md.
func (r *Report) WriteJSON(w io.Writer) error {
	passed, failed, broken := r.Count()
	packages := r.Packages
	if packages == nil {
		packages = []*PackageOutcome{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		FormatVersion string            `json:"formatVersion"`
		Passed        int               `json:"passed"`
		Failed        int               `json:"failed"`
		Broken        int               `json:"broken"`
		Packages      []*PackageOutcome `json:"packages"`
	}{FormatVersion, passed, failed, broken, packages})
}
