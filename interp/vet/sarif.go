package vet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/docs/rules"
)

// The part of SARIF 2.1.0 that is used.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string       `json:"id"`
		ShortDescription     sarifText    `json:"shortDescription"`
		Help                 *sarifHelp   `json:"help,omitempty"`
		HelpURI              string       `json:"helpUri"`
		DefaultConfiguration sarifSetting `json:"defaultConfiguration"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifSetting struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
		// ContextRegion has the source line of the region.
		ContextRegion *sarifContext `json:"contextRegion,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifContext struct {
		StartLine int       `json:"startLine"`
		Snippet   sarifText `json:"snippet"`
	}
)

// SARIFOptions say what stands in a log beside the findings.
type SARIFOptions struct {
	// Version of the program.
	Version string
}

// WriteSARIF writes findings as a SARIF 2.1.0 log, which code scanning services take
// in. They want paths from the root of the repository: see RelativeTo.
func WriteSARIF(w io.Writer, findings []Finding, opts SARIFOptions) error {
	rules, index := sarifRules()
	driver := sarifDriver{Name: "rescue", Version: opts.Version, InformationURI: "https://github.com/rescuecue/rescue", Rules: rules}
	prints := fingerprints(findings)
	results := make([]sarifResult, 0, len(findings))
	for i, f := range findings {
		results = append(results, sarifResult{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: sarifLevel(f.Severity),
			Message:             sarifText{githubMessage(f)},
			Locations:           []sarifLocation{{sarifPhysical{sarifArtifact{fileURI(f.File)}, region(f), contextOf(f)}}},
			PartialFingerprints: map[string]string{"rescueFinding/v1": prints[i]},
		})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{sarifTool{driver}, "unicodeCodePoints", results}},
	})
}

// sarifRules describes all rules, and gives their places in the list.
func sarifRules() (list []sarifRule, index map[string]int) {
	index = map[string]int{}
	for i, r := range Rules() {
		index[r.Name] = i
		list = append(list, sarifRule{
			ID: r.Name, ShortDescription: sarifText{r.Summary}, Help: ruleHelp(r.Name),
			HelpURI: RulePage(r.Name), DefaultConfiguration: sarifSetting{sarifLevel(r.Severity)},
		})
	}
	return list, index
}

// ruleHelp is the page of a rule; nil if it has none, which a test makes sure of.
func ruleHelp(name string) *sarifHelp {
	page, err := rules.FS.ReadFile(name + ".md")
	if err != nil {
		return nil
	}
	return &sarifHelp{Text: string(page), Markdown: string(page)}
}

// sarifLevel is SARIF's name of a severity.
func sarifLevel(s Severity) string {
	if s == Info {
		return "note"
	}
	return string(s)
}

func region(f Finding) *sarifRegion {
	if f.Line == 0 {
		return nil
	}
	return &sarifRegion{StartLine: f.Line, StartColumn: f.Column, EndLine: f.EndLine, EndColumn: f.EndColumn}
}

// contextOf is the line of the finding, if it is about one line and has all of it.
func contextOf(f Finding) *sarifContext {
	if f.Snippet == "" || f.SnippetColumn > 0 || f.EndLine != f.Line {
		return nil
	}
	return &sarifContext{StartLine: f.Line, Snippet: sarifText{f.Snippet}}
}

// fingerprints stay the same when lines above a finding come or go. Findings that are
// alike in all but their place are counted.
func fingerprints(findings []Finding) []string {
	var prints []string
	count := map[string]int{}
	for _, f := range findings {
		parts := []string{f.Rule, filepath.ToSlash(f.File), f.Path, f.Message, strings.TrimSpace(f.Snippet)}
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		print := hex.EncodeToString(sum[:16])
		count[print]++
		prints = append(prints, fmt.Sprintf("%s:%d", print, count[print]))
	}
	return prints
}

// fileURI writes a path as the reference that SARIF wants: with a scheme only where it
// is absolute.
func fileURI(path string) string {
	var b strings.Builder
	path = filepath.ToSlash(path)
	if filepath.IsAbs(path) {
		b.WriteString("file://")
	}
	for _, c := range []byte(path) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}
