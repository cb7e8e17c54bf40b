package vet

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/docs/rules"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestRulePages makes sure that each rule has a page and each page a rule.
func TestRulePages(t *testing.T) {
	entries, err := rules.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	index, err := rules.FS.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]bool{}
	for _, e := range entries {
		pages[strings.TrimSuffix(e.Name(), ".md")] = true
	}
	delete(pages, "README")
	for _, r := range Rules() {
		if !pages[r.Name] {
			t.Errorf("rule %s has no page docs/rules/%s.md", r.Name, r.Name)
			continue
		}
		delete(pages, r.Name)
		page, err := rules.FS.ReadFile(r.Name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"# " + r.Name + "\n", "Severity: " + string(r.Severity), "## What it finds", "## Why", "## Bad", "## Good", "## Silencing"} {
			if !bytes.Contains(page, []byte(want)) {
				t.Errorf("page of rule %s lacks %q", r.Name, want)
			}
		}
		if line := "| [" + r.Name + "](" + r.Name + ".md) | " + string(r.Severity) + " | " + r.Summary + " |"; !bytes.Contains(index, []byte(line)) {
			t.Errorf("docs/rules/README.md lacks the line %q", line)
		}
	}
	for name := range pages {
		t.Errorf("docs/rules/%s.md explains no rule", name)
	}
}

func TestRulesAreSorted(t *testing.T) {
	if !slices.IsSortedFunc(Rules(), func(a, b Rule) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("Rules is not in alphabetical order")
	}
}

func sample() []Finding {
	src := newSource("a b,c.yaml", []byte("x:\n\t日本 é: Kub%\n"))
	return []Finding{
		src.at(span{strings.Index(src.text, "Kub"), strings.Index(src.text, "\n\t") + 17}, Finding{
			Rule: ruleUnknownFunction, Message: "unknown: 100%, sure", Suggestion: "did you mean \"KubeTask\"?",
		}),
		whole("folder", ruleNoBlueprint, "nothing", ""),
		src.at(span{0, 1}, Finding{Rule: ruleOptionPath, Message: "a warning"}),
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := WriteText(&out, sample(), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `a b,c.yaml:2:8: error: unknown: 100%, sure [unknown-function]
   2 | ` + "\t" + `日本 é: Kub%
     | ` + "\t" + `        ^^^^
     = did you mean "KubeTask"?
folder: error: nothing [no-blueprint]
a b,c.yaml:1:1: warning: a warning [option-path]
   1 | x:
     | ^
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTextColor(t *testing.T) {
	var out bytes.Buffer
	if err := WriteText(&out, sample()[:1], TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[31merror:\x1b[0m", "\x1b[32m^^^^\x1b[0m"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
}

// TestTextLongLine: of a long line only the part around the span is shown, and what
// a terminal would obey is not.
func TestTextLongLine(t *testing.T) {
	line := strings.Repeat("a", 500) + "\x1bWRONG" + strings.Repeat("b", 500)
	src := newSource("x", []byte(line))
	var out bytes.Buffer
	f := src.at(span{501, 506}, Finding{Rule: ruleSyntax, Message: "m"})
	if err := WriteText(&out, []Finding{f}, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len([]rune(lines[1])) > maxSnippet+10 || !strings.Contains(lines[1], "\uFFFDWRONG") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("source line: %q", lines[1])
	}
	if got := strings.Index(lines[2], "^^^^^"); got < 0 || string([]rune(lines[1])[got:got+5]) != "WRONG" {
		t.Errorf("carets are not under WRONG:\n%s\n%s", lines[1], lines[2])
	}
}

// TestTextVeryLongLine: a finding carries a part of the line, and columns stay true.
func TestTextVeryLongLine(t *testing.T) {
	line := strings.Repeat("ä", 100_000) + "WRONG" + strings.Repeat("é", 100_000)
	src := newSource("x", []byte("first\n"+line+"\n"))
	start := strings.Index(src.text, "WRONG")
	f := src.at(span{start, start + 5}, Finding{Rule: ruleSyntax, Message: "m"})
	if f.Line != 2 || f.Column != 100_001 || len(f.Snippet) > longLine || f.SnippetColumn == 0 {
		t.Errorf("%d:%d, %d bytes from column %d", f.Line, f.Column, len(f.Snippet), f.SnippetColumn)
	}
	var out bytes.Buffer
	if err := WriteText(&out, []Finding{f}, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if got := strings.Index(lines[2], "^^^^^"); got < 0 || string([]rune(lines[1])[got:got+5]) != "WRONG" {
		t.Errorf("carets are not under WRONG:\n%s\n%s", lines[1], lines[2])
	}
}

func TestGitHub(t *testing.T) {
	var out bytes.Buffer
	if err := WriteGitHub(&out, sample()); err != nil {
		t.Fatal(err)
	}
	want := `::error file=a b%2Cc.yaml,line=2,endLine=2,col=8,endColumn=12,title=unknown-function::unknown: 100%25, sure%0Adid you mean "KubeTask"?
::error file=folder,title=no-blueprint::nothing
::warning file=a b%2Cc.yaml,line=1,endLine=1,col=1,endColumn=2,title=option-path::a warning
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestJSONWithoutFindings: a program that reads the list must not meet a null.
func TestJSONWithoutFindings(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJSON(&out, nil); err != nil {
		t.Fatal(err)
	}
	want := `{"formatVersion":"1.1","valid":true,"errorCount":0,"warningCount":0,"infoCount":0,"findings":[]}`
	var compact bytes.Buffer
	if err := json.Compact(&compact, out.Bytes()); err != nil || compact.String() != want {
		t.Errorf("got %s, %v", compact.String(), err)
	}
}

func TestSARIF(t *testing.T) {
	var out bytes.Buffer
	if err := WriteSARIF(&out, sample(), SARIFOptions{}); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(run.Results) != 3 {
		t.Fatalf("version %s, %d results", log.Version, len(run.Results))
	}
	prints := map[string]bool{}
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("rule index %d is not %s", r.RuleIndex, r.RuleID)
		}
		prints[r.PartialFingerprints["rescueFinding/v1"]] = true
	}
	if len(prints) != 3 {
		t.Errorf("%d different fingerprints of 3 findings", len(prints))
	}
	first := run.Results[0].Locations[0].PhysicalLocation
	if first.ArtifactLocation.URI != "a%20b%2Cc.yaml" || first.Region.StartColumn != 8 || first.Region.EndColumn != 12 {
		t.Errorf("location %+v %+v", first.ArtifactLocation, first.Region)
	}
	if run.Results[1].Locations[0].PhysicalLocation.Region != nil {
		t.Error("a finding about a folder has a region")
	}
}

// TestFingerprintIgnoresPosition: code scanning follows a finding by it while lines
// come and go above.
func TestFingerprintIgnoresPosition(t *testing.T) {
	f := sample()[0]
	moved := f
	moved.Line, moved.EndLine, moved.Column = 40, 40, 3
	here, there := fingerprints([]Finding{f}), fingerprints([]Finding{moved})
	if here[0] != there[0] {
		t.Error("the fingerprint changes with the line")
	}
	if twice := fingerprints([]Finding{f, moved}); twice[0] != here[0] || twice[1] == twice[0] {
		t.Errorf("two findings that are alike: %v", twice)
	}
}

func TestJUnit(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJUnit(&out, []string{"clean.yaml"}, sample()); err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Suites   []struct{} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 4 || suites.Failures != 2 || len(suites.Suites) != 3 {
		t.Errorf("%d tests, %d failures, %d suites", suites.Tests, suites.Failures, len(suites.Suites))
	}
}

// TestBrokenWriter: a report that cannot be written is an error in each format.
func TestBrokenWriter(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"text": WriteText(f, sample(), TextOptions{}), "json": WriteJSON(f, sample()), "github": WriteGitHub(f, sample()),
		"sarif": WriteSARIF(f, sample(), SARIFOptions{}), "junit": WriteJUnit(f, nil, sample()),
	} {
		if err == nil {
			t.Errorf("%s: no error on a closed file", name)
		}
	}
}
