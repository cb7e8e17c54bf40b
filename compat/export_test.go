package compat

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// exportOf is a blueprint of one phase with the expression as its image.
func exportOf(e Expr) *Export {
	args := &ExportValue{Fields: []*ExportField{{Key: TextExpr("image"), Value: &ExportValue{Expr: e}}}}
	phase := &ExportPhase{Name: "p", Func: "KubeTask", Args: args}
	return &Export{Name: "b", Actions: []*ExportAction{{Name: "backup", Phases: []*ExportPhase{phase}}}}
}

// readBack is the image as it stands in the YAML that was written.
func readBack(t *testing.T, e Expr) string {
	t.Helper()
	made, err := exportOf(e).Write()
	if err != nil {
		t.Fatal(err)
	}
	docs, err := Parse("b.yaml", made.YAML)
	if err != nil {
		t.Fatalf("%v in\n%s", err, made.YAML)
	}
	bp, problems := ReadBlueprint(docs[0])
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, made.YAML)
	}
	image := bp.Action("backup").Phase("p").Arg("image").Value
	if image.Kind != String {
		t.Fatalf("%q became %s in\n%s", e, image.Kind, made.YAML)
	}
	return image.Str
}

// FuzzExportText: whatever a constant is, Kanister reads and renders that text.
func FuzzExportText(f *testing.F) {
	for _, text := range []string{
		"", "plain", "yes", "1", "0x1F", "1e3", "null", "~", "12:30:45", "- x", "a: b", "# no comment", "{{ .Name }}", "{{", "{{{", "}}", "a {{ b", "{",
		"two\nlines", "ends\n", "ends\n\n", "\nbegins", "  indented\nthen not", "trailing \nspace ", "tab\there", "\ttab\nfirst", "cr\r\nlf", "\u0085\u2028",
		"'single' \"double\" \\", "#!/bin/sh\nset -e\n\techo x\n", " ", "\n", "x\n \ny", "üñ€😀", "\ufeffbom", "%yaml", "---\nx", "...", "@at", "`tick`", "|", ">",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unwritable) {
			t.Skip()
		}
		template := readBack(t, TextExpr(text))
		got, err := Engine{}.Render(template, &Params{})
		if err != nil || got != text {
			t.Errorf("%q became the template %q, which renders to %q, %v", text, template, got, err)
		}
		joined := readBack(t, JoinExpr{TextExpr(text), ParamExpr{Path: []ParamStep{{Name: "input"}, {Name: "time"}}}, TextExpr(text)})
		if got, err := (Engine{}).Render(joined, &Params{Time: "T"}); err != nil || got != text+"T"+text {
			t.Errorf("%q round a parameter became %q, which renders to %q, %v", text, joined, got, err)
		}
		quoted := readBack(t, CallExpr{Func: "strings.TrimPrefix", Args: []Expr{TextExpr(text), TextExpr("x")}})
		if got, err := (Engine{}).Render(quoted, &Params{}); err != nil || got != strings.TrimPrefix(text, "x") {
			t.Errorf("%q in a call became %q, which renders to %q, %v", text, quoted, got, err)
		}
	})
}

// unwritable characters stand in no YAML that Kubernetes reads.
func unwritable(r rune) bool { return r == 0 || r == utf8.RuneError }

// A template that trims must not trim what it did not see in CUE.
func TestExportTrimmingTemplate(t *testing.T) {
	e := JoinExpr{TextExpr("a "), TemplateExpr(`{{- "b" -}}`), TextExpr(" c")}
	if got, err := (Engine{}).Render(readBack(t, e), &Params{}); err != nil || got != "a b c" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestExportRefusesTemplatesInLiterals(t *testing.T) {
	args := &ExportValue{Fields: []*ExportField{{Key: TextExpr("conditions"), Value: &ExportValue{
		Place: Place{File: "b.cue", Line: 3, Column: 4}, Expr: JoinExpr{ParamExpr{Path: []ParamStep{{Name: "input"}, {Name: "time"}}}},
	}}}}
	e := &Export{Name: "b", Actions: []*ExportAction{{Name: "a", Phases: []*ExportPhase{{Name: "p", Func: "Wait", Args: args}}}}}
	if _, err := e.Write(); err == nil || err.Error() != "b.cue:3:4: Wait: Kanister does not render conditions: only constants can stand here" {
		t.Errorf("%v", err)
	}
}

func TestExportRefusesExtensions(t *testing.T) {
	args := &ExportValue{Fields: []*ExportField{{Key: TextExpr("image"), Value: &ExportValue{
		Place: Place{File: "b.cue", Line: 3, Column: 4}, Expr: TextExpr("i:1"),
	}}}}
	e := &Export{Name: "b", Actions: []*ExportAction{{Name: "a", Phases: []*ExportPhase{{Name: "p", Func: "RestoreRDSSnapshot", Args: args}}}}}
	if _, err := e.Write(); err == nil || !strings.Contains(err.Error(), "b.cue:3:4: RestoreRDSSnapshot: Kanister has no argument image") {
		t.Errorf("%v", err)
	}
}

func TestExportNotes(t *testing.T) {
	phase := &ExportPhase{Name: "p", Func: "CreateVolumeSnapshot", Place: Place{File: "b.cue", Line: 3, Column: 4}}
	e := &Export{Name: "b", Actions: []*ExportAction{{Name: "a", Phases: []*ExportPhase{phase}}, {Name: "c", Phases: []*ExportPhase{phase}}}}
	made, err := e.Write()
	if err != nil {
		t.Fatal(err)
	}
	notes := made.Notes.Error()
	for _, want := range []string{"b.cue:3:4: Kanister has no CreateVolumeSnapshot since release 0.115", "is also in action a"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not among the notes:\n%s", want, notes)
		}
	}
}
