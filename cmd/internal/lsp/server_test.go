package lsp_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
	"go.uber.org/goleak"

	"github.com/rescuecue/rescue/cmd/internal/lsp"
	"github.com/rescuecue/rescue/cmd/internal/lsp/lsptest"
)

// connect starts a server and an editor with pipes between them. ended has what Serve
// returns.
func connect(t *testing.T) (e *lsptest.Editor, ended <-chan error) {
	t.Helper()
	served := make(chan struct{})
	t.Cleanup(func() {
		<-served // once its last check has ended, which may take longer than goleak waits
		goleak.VerifyNone(t)
	})
	fromEditor, toServer := io.Pipe()
	fromServer, toEditor := io.Pipe()
	result := make(chan error, 1)
	go func() {
		defer close(served)
		server := &lsp.Server{Version: "v1.2.3"}
		result <- server.Serve(context.Background(), fromEditor, toEditor)
		toEditor.Close()
		fromEditor.Close()
	}()
	return lsptest.New(t, toServer, fromServer), result
}

const badCUE = `package shop

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "😀" // not in the plane that UTF-16 has one unit for
	actions: backup: phases: {
		dump: {
			func: "KubeTask"
			args: {image: "postgres", comand: ["sh"]}
			output: location: string
		}
		show: {func: "KubeTask", args: {podLabels: "😀": "x", image: phases.dump.output.locaton, command: ["sh"]}}
	}
}
`

const badYAML = `apiVersion: cr.kanister.io/v1alpha1
kind: Blueprint
metadata:
  name: shop
actions:
  backup:
    phases:
    - func: ScaleWorkload
      name: stop
      args:
        replica: 0
    - func: KubeTask
      name: dump
      args:
        image: "😀{{ .Phases.stop.Output.originalReplicaCont }}"
        command: [sh]
`

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHandshake also ends in order.
func TestHandshake(t *testing.T) {
	e, ended := connect(t)
	if got := e.Start(os.Getpid()); got.ServerInfo.Name != "rescue" || got.ServerInfo.Version != "v1.2.3" {
		t.Errorf("the server is %+v", got.ServerInfo)
	}
	if err := e.Shutdown(e.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Hover(e.Context(), &protocol.HoverParams{}); err == nil {
		t.Error("a request after shutdown was answered")
	}
	if err := e.Exit(e.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after shutdown and exit: %v", err)
	}
}

func TestExitWithoutShutdown(t *testing.T) {
	e, ended := connect(t)
	e.Start(0)
	if err := e.Exit(e.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, lsp.ErrNoShutdown) {
		t.Errorf("got %v", err)
	}
}

func TestRequestBeforeInitialize(t *testing.T) {
	e, _ := connect(t)
	_, err := e.Hover(e.Context(), &protocol.HoverParams{})
	if err == nil || !strings.Contains(err.Error(), "before initialize") {
		t.Errorf("got %v", err)
	}
}

// TestFindingsOfAnEdit opens a file with mistakes and mends them, one by the quick fix.
func TestFindingsOfAnEdit(t *testing.T) {
	for _, c := range []struct {
		name, text, rule, word, mended, other, otherMended string
	}{
		{"bp.cue", badCUE, "unknown-argument", "comand", "command", "locaton", "location"},
		{"bp.yaml", badYAML, "unknown-argument", "replica", "replicas", "originalReplicaCont", "originalReplicaCount"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := connect(t)
			e.Start(0)
			path := write(t, filepath.Join(t.TempDir(), c.name), "")
			e.Open(path, strings.TrimPrefix(filepath.Ext(path), "."), c.text)
			has := func(rules ...string) func([]protocol.Diagnostic) bool {
				return func(list []protocol.Diagnostic) bool {
					return slices.Equal(rules, errorsOf(list))
				}
			}
			found := e.Await(path, has(c.rule, "unknown-output"))
			i := slices.IndexFunc(found, func(d protocol.Diagnostic) bool { return d.Code == c.rule })
			if want := lsptest.At(t, c.text, c.word); found[i].Range.Start != want {
				t.Errorf("%s is at %v, want %v", c.rule, found[i].Range.Start, want)
			}
			edit := quickFix(t, e, path, found[i])
			if edit.NewText != c.mended || edit.Range != found[i].Range {
				t.Errorf("the quick fix is %+v", edit)
			}
			e.Change(path, 2, edit.Range, edit.NewText)
			text := strings.Replace(c.text, c.word, c.mended, 1)
			e.Await(path, has("unknown-output"))
			start := lsptest.At(t, text, c.other)
			end := start
			end.Character += uint32(len(c.other))
			e.Change(path, 3, protocol.Range{Start: start, End: end}, c.otherMended)
			e.Await(path, has())
		})
	}
}

// errorsOf are the rules of the errors; what else is found changes with the rules there are.
func errorsOf(list []protocol.Diagnostic) []string {
	rules := []string{}
	for _, d := range list {
		if d.Severity == protocol.DiagnosticSeverityError {
			rules = append(rules, d.Code.(string))
		}
	}
	return rules
}

// quickFix asks for the one edit that mends a finding.
func quickFix(t *testing.T, e *lsptest.Editor, path string, d protocol.Diagnostic) protocol.TextEdit {
	t.Helper()
	actions, err := e.CodeAction(e.Context(), &protocol.CodeActionParams{TextDocument: lsptest.Document(path), Range: d.Range})
	if err != nil || len(actions) != 1 {
		t.Fatalf("code actions: %+v, %v", actions, err)
	}
	edits := actions[0].Edit.Changes[lsptest.Document(path).URI]
	if len(edits) != 1 {
		t.Fatalf("edits: %+v", actions[0].Edit)
	}
	return edits[0]
}

// TestPackage opens two files of a CUE package: each sees what the other one has unsaved,
// and a package that both import is seen unsaved too.
func TestPackage(t *testing.T) {
	e, _ := connect(t)
	e.Start(0)
	dir := t.TempDir()
	for _, sub := range []string{"cue.mod", "phases", "shop"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "cue.mod", "module.cue"), "module: \"example.org\"\nlanguage: version: \"v0.15.0\"\n")
	library := "package phases\n\nimport \"github.com/rescuecue/rescue/schema\"\n\n#Stop: schema.#Phase & {func: \"ScaleWorkload\", args: replicas: 0}\n"
	shared := write(t, filepath.Join(dir, "phases", "phases.cue"), library)
	write(t, filepath.Join(dir, "shop", "names.cue"), "package shop\n\n_image: \"postgres\"\n")
	text := `package shop

import (
	"example.org/phases"
	"github.com/rescuecue/rescue/schema"
)

blueprint: schema.#Blueprint & {
	name: "shop"
	actions: backup: phases: {
		stop: phases.#Stop & {}
		dump: {func: "KubeTask", args: {image: _image, command: ["sh"]}}
	}
}
`
	text = strings.Replace(text, "stop: phases.#Stop", "stop: library.#Stop", 1)
	text = strings.Replace(text, "\"example.org/phases\"", "library \"example.org/phases\"", 1)
	blueprint := write(t, filepath.Join(dir, "shop", "bp.cue"), text)
	clean := func(list []protocol.Diagnostic) bool { return len(errorsOf(list)) == 0 }
	e.Open(blueprint, "cue", text)
	e.Await(blueprint, clean)

	names := filepath.Join(dir, "shop", "names.cue")
	e.Open(names, "cue", "package shop\n\n_image: 5\n")
	e.Await(blueprint, func(list []protocol.Diagnostic) bool { return slices.Equal(errorsOf(list), []string{"argument-type"}) })
	if err := e.DidClose(e.Context(), &protocol.DidCloseTextDocumentParams{TextDocument: lsptest.Document(names)}); err != nil {
		t.Fatal(err)
	}
	e.Await(blueprint, clean)

	e.Open(shared, "cue", strings.Replace(library, "#Stop", "#Halt", 1))
	e.Await(blueprint, lsptest.Rules("unknown-reference"))
}

// TestOthersAreLeftAlone opens files that have nothing to do with blueprints.
func TestOthersAreLeftAlone(t *testing.T) {
	e, _ := connect(t)
	e.Start(0)
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "kind: Deployment\nspec: {a: b: c}\n", "b.cue": "package b\n\na: 1 & 2\n"} {
		path := write(t, filepath.Join(dir, name), text)
		e.Open(path, filepath.Ext(name)[1:], text)
		e.Await(path, lsptest.Rules())
	}
}

// TestHover asks what stands at places of both languages.
func TestHover(t *testing.T) {
	e, _ := connect(t)
	e.Start(0)
	dir := t.TempDir()
	cue, yaml := filepath.Join(dir, "bp.cue"), filepath.Join(dir, "bp.yaml")
	e.Open(cue, "cue", badCUE)
	e.Open(yaml, "yaml", badYAML)
	for _, c := range []struct{ path, text, at, want string }{
		{cue, badCUE, "Kube¦Task", "runs a command in a new pod"},
		{cue, badCUE, "im¦age: \"postgres", "image of the pod's container"},
		{cue, badCUE, "func¦:", "func is the function to call"},
		{cue, badCUE, "phases.du¦mp.output", "phase, calls KubeTask"},
		{cue, badCUE, "pha¦ses: {", "phases by name, run in the order written"},
		{yaml, badYAML, "Scale¦Workload", "ScaleWorkload"},
		{yaml, badYAML, "im¦age:", "image of the pod's container"},
		{yaml, badYAML, ".Pha¦ses.stop", "phases that have run before"},
		{yaml, badYAML, ".Phases.st¦op", "phase, calls ScaleWorkload"},
	} {
		got, err := e.Hover(e.Context(), &protocol.HoverParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{
			TextDocument: lsptest.Document(c.path), Position: lsptest.At(t, c.text, c.at),
		}})
		if err != nil || got == nil || !strings.Contains(got.Contents.Value, c.want) {
			t.Errorf("%s: got %+v, %v; want %q", c.at, got, err, c.want)
		}
	}
}

// TestDefinition goes from a name to what it means.
func TestDefinition(t *testing.T) {
	e, _ := connect(t)
	e.Start(0)
	dir := t.TempDir()
	cue, yaml := filepath.Join(dir, "bp.cue"), filepath.Join(dir, "bp.yaml")
	e.Open(cue, "cue", badCUE)
	e.Open(yaml, "yaml", badYAML)
	for _, c := range []struct{ path, text, at, want string }{
		{cue, badCUE, "phases.du¦mp.output", "dump: {"},
		{yaml, badYAML, ".Phases.st¦op", " stop\n"},
	} {
		got, err := e.Definition(e.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{
			TextDocument: lsptest.Document(c.path), Position: lsptest.At(t, c.text, c.at),
		}})
		if err != nil || len(got) != 1 || got[0].Range.Start != lsptest.At(t, c.text, c.want) {
			t.Errorf("%s: got %+v, %v; want %v", c.at, got, err, lsptest.At(t, c.text, c.want))
		}
	}
}

// TestOutline lists actions and phases.
func TestOutline(t *testing.T) {
	e, _ := connect(t)
	e.Start(0)
	path := filepath.Join(t.TempDir(), "bp.yaml")
	e.Open(path, "yaml", badYAML)
	var symbols []protocol.DocumentSymbol
	_, err := e.Conn.Call(e.Context(), "textDocument/documentSymbol", &protocol.DocumentSymbolParams{TextDocument: lsptest.Document(path)}, &symbols)
	if err != nil || len(symbols) != 1 || symbols[0].Name != "backup" || len(symbols[0].Children) != 2 || symbols[0].Children[1].Name != "dump" {
		t.Errorf("got %+v, %v", symbols, err)
	}
}

// TestCompletionAppliesItsEdit takes an offer and looks at the text.
func TestCompletionAppliesItsEdit(t *testing.T) {
	e, _ := connect(t)
	e.Start(0)
	path := filepath.Join(t.TempDir(), "bp.yaml")
	text := strings.Replace(badYAML, "replica: 0", "repl", 1)
	e.Open(path, "yaml", text)
	list, err := e.Completion(e.Context(), &protocol.CompletionParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{
		TextDocument: lsptest.Document(path), Position: lsptest.At(t, text, "repl¦\n"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.Items, func(i protocol.CompletionItem) bool { return i.Label == "replicas" })
	if i < 0 {
		t.Fatalf("replicas is not offered: %+v", list.Items)
	}
	edit := list.Items[i].TextEdit
	if want := lsptest.At(t, text, "repl\n"); edit.NewText != "replicas: " || edit.Range.Start != want || edit.Range.End.Character != want.Character+4 {
		t.Errorf("the edit is %+v", edit)
	}
}
