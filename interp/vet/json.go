package vet

import (
	"encoding/json"
	"io"
)

// Report is the JSON document, described in docs/vet-json.md.
type Report struct {
	FormatVersion string    `json:"formatVersion"`
	Valid         bool      `json:"valid"`
	ErrorCount    int       `json:"errorCount"`
	WarningCount  int       `json:"warningCount"`
	InfoCount     int       `json:"infoCount"`
	Findings      []Finding `json:"findings"`
}

// NewReport makes the document of findings.
func NewReport(findings []Finding) Report {
	errors, warnings := Count(findings)
	if findings == nil {
		findings = []Finding{}
	}
	return Report{
		FormatVersion: "1.1", Valid: errors == 0,
		ErrorCount: errors, WarningCount: warnings, InfoCount: len(findings) - errors - warnings,
		Findings: findings,
	}
}

// WriteJSON writes the report as one indented JSON document.
func WriteJSON(w io.Writer, findings []Finding) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(NewReport(findings))
}
