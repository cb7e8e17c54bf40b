package lsp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/rescuecue/rescue/cmd/internal/lsp/lsptest"
)

// A package of shared phases, and of a whole action.
const sharedPhases = `// Package steps is shared.
package steps

import "github.com/rescuecue/rescue/schema"

// #Dump writes a dump
// into the location.
#Dump: schema.#Phase & {
	// #host has the database.
	#host: string
	#port: *5432 | int

	func: "KubeTask"
	args: {
		image:      "postgres:17.2"
		namespace:  string
		command: ["dump", #host, "\(#port)"]
	}
	output: {
		// location is where the dump is.
		location: string
		_size
	}
}

_size: size: string

_stop: {func: "ScaleWorkload", args: replicas: 0}

#Restore: {
	kind: "StatefulSet"
	phases: stop: _stop
	phases: load: #Dump & {output: rows: string}
	outputArtifacts: log: keyValue: path: phases.load.output.rows
}
`

const sharingBlueprint = `package shop

import (
	"github.com/rescuecue/rescue/schema"
	common "SHARED"
)

_again: common.#Dump & {#host: "b"}

blueprint: schema.#Blueprint & {
	name: "shop"
	actions: backup: {
		kind: "StatefulSet"
		phases: {
			dump: common.#Dump & {
				#host: "a"
				args: {namespace: "ns"}
			}
			again: _again & {args: namespace: "ns"}
			show: {func: "KubeTask", args: {image: "busybox:1", command: ["echo", phases.dump.output.location, again.output.size]}}
		}
	}
	actions: restore: common.#Restore & {phases: load: {#host: "c", args: namespace: "ns"}}
}
`

// sharing makes a module whose blueprint imports shared phases: its own, vendored ones, or
// fetched ones of another module. It returns where the shared ones are.
func sharing(t *testing.T, where string) (blueprint, text, shared string) {
	t.Helper()
	dir, cache := t.TempDir(), t.TempDir()
	t.Setenv("CUE_CACHE_DIR", cache)
	module := "module: \"example.org/shop@v0\"\nlanguage: version: \"v0.15.0\"\n"
	path, folder := "example.org/shop/steps", filepath.Join(dir, "steps")
	switch where {
	case "vendored":
		path, folder = "example.net/lib/steps", filepath.Join(dir, "cue.mod", "pkg", "example.net", "lib", "steps")
	case "fetched":
		path, folder = "example.net/lib/steps", filepath.Join(cache, "mod", "extract", "example.net", "lib@v0.1.2", "steps")
		module += "deps: \"example.net/lib@v0\": v: \"v0.1.2\"\n"
	}
	for _, d := range []string{filepath.Join(dir, "cue.mod"), folder} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "cue.mod", "module.cue"), module)
	shared = write(t, filepath.Join(folder, "steps.cue"), sharedPhases)
	text = strings.Replace(sharingBlueprint, "SHARED", path, 1)
	return write(t, filepath.Join(dir, "blueprint.cue"), text), text, shared
}

func at(t *testing.T, path, text, mark string) protocol.TextDocumentPositionParams {
	t.Helper()
	return protocol.TextDocumentPositionParams{TextDocument: lsptest.Document(path), Position: lsptest.At(t, text, mark)}
}

// labels are what is offered at a mark, without which the text is that of the file.
func labels(t *testing.T, e *lsptest.Editor, path, text, mark string) []string {
	t.Helper()
	list, err := e.Completion(e.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at(t, path, text, mark)})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range list.Items {
		names = append(names, item.Label)
	}
	return names
}

// TestSharedPhases asks about phases that come from an imported package, as an editor does.
func TestSharedPhases(t *testing.T) {
	for _, where := range []string{"own", "vendored", "fetched"} {
		t.Run(where, func(t *testing.T) {
			path, text, shared := sharing(t, where)
			e, _ := connect(t)
			e.Start(0)
			e.Open(path, "cue", text)
			checkSharedHover(t, e, path, text)
			checkSharedCompletion(t, e, path, text)
			checkSharedDefinition(t, e, path, text, shared)
			checkSharedSymbols(t, e, path, text)
		})
	}
}

func checkSharedHover(t *testing.T, e *lsptest.Editor, path, text string) {
	t.Helper()
	for mark, want := range map[string]string{
		"common.#Du¦mp & {\n":          "#Dump writes a dump into the location.",
		"common.#D¦ump & {#host":       "calls KubeTask",
		"phases.du¦mp.output":          "phase, calls KubeTask",
		"phases.dump.output.loca¦tion": "location is where the dump is.",
		"aga¦in.output.size":           "phase, calls KubeTask",
		"again.output.si¦ze":           "output of phase again",
		"#ho¦st: \"a\"":                "#host has the database.",
		"args: {name¦space: \"ns\"":    "argument of KubeTask",
		"load: {#ho¦st":                "parameter of #Dump",
	} {
		got, err := e.Hover(e.Context(), &protocol.HoverParams{TextDocumentPositionParams: at(t, path, text, mark)})
		if err != nil || got == nil || !strings.Contains(got.Contents.Value, want) {
			t.Errorf("%s: got %+v, %v; want %q", mark, got, err, want)
		}
	}
}

func checkSharedCompletion(t *testing.T, e *lsptest.Editor, path, text string) {
	t.Helper()
	for _, c := range []struct {
		mark          string
		want, without []string
	}{
		{"phases.dump.output.¦location", []string{"location", "size"}, nil},
		{"again.output.¦size", []string{"location", "size"}, nil},
		{"common.¦#Dump & {\n", []string{"#Dump", "#Restore"}, []string{"_size"}},
		{"#¦host: \"a\"", []string{"#host", "#port", "timeout", "output"}, []string{"func", "name"}},
		{"args: {¦namespace: \"ns\"", []string{"namespace", "podOverride"}, []string{"image", "command"}},
	} {
		got := labels(t, e, path, text, c.mark)
		for _, name := range c.want {
			if !slices.Contains(got, name) {
				t.Errorf("%s: %s is not offered: %v", c.mark, name, got)
			}
		}
		for _, name := range c.without {
			if slices.Contains(got, name) {
				t.Errorf("%s: %s is offered: %v", c.mark, name, got)
			}
		}
	}
}

func checkSharedDefinition(t *testing.T, e *lsptest.Editor, path, text, shared string) {
	t.Helper()
	for mark, want := range map[string]string{
		"common.#Du¦mp & {\n":          "¦#Dump: schema",
		"phases.dump.output.loca¦tion": "¦location: string",
		"again.output.si¦ze":           "¦size: string",
	} {
		got, err := e.Definition(e.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: at(t, path, text, mark)})
		if err != nil || len(got) != 1 || got[0].URI != uri.File(shared) || got[0].Range.Start != lsptest.At(t, sharedPhases, want) {
			t.Errorf("%s: got %+v, %v; want %s in %s", mark, got, err, want, shared)
		}
	}
}

// outlined writes an outline as text: name, detail, and the text that is selected.
func outlined(text string, symbols []protocol.DocumentSymbol, indent string) string {
	var b strings.Builder
	lines := strings.Split(text, "\n")
	for _, s := range symbols {
		r := s.SelectionRange
		fmt.Fprintf(&b, "%s%s (%s) at %s\n", indent, s.Name, s.Detail, lines[r.Start.Line][r.Start.Character:r.End.Character])
		b.WriteString(outlined(text, s.Children, indent+"  "))
	}
	return b.String()
}

func checkSharedSymbols(t *testing.T, e *lsptest.Editor, path, text string) {
	t.Helper()
	var symbols []protocol.DocumentSymbol
	_, err := e.Conn.Call(e.Context(), "textDocument/documentSymbol", &protocol.DocumentSymbolParams{TextDocument: lsptest.Document(path)}, &symbols)
	if err != nil {
		t.Fatal(err)
	}
	want := `backup (StatefulSet) at backup
  dump (KubeTask) at dump
  again (KubeTask) at again
  show (KubeTask) at show
restore (StatefulSet) at restore
  load (KubeTask) at load
  stop (ScaleWorkload) at common.#Restore
  log (artifact) at common.#Restore
`
	if diff := cmp.Diff(want, outlined(text, symbols, "")); diff != "" {
		t.Error(diff)
	}
}

// TestSharedPhasesUnsaved sees what the editor holds of the imported package, and answers
// while the blueprint is being typed.
func TestSharedPhasesUnsaved(t *testing.T) {
	path, text, shared := sharing(t, "own")
	e, _ := connect(t)
	e.Start(0)
	text = strings.Replace(text, "phases.dump.output.location, again", "phases.dump.output. {", 1)
	e.Open(path, "cue", text)
	e.Open(shared, "cue", strings.Replace(sharedPhases, "location: string", "place: string", 1))
	if got, want := labels(t, e, path, text, "phases.dump.output.¦ {"), []string{"place", "size"}; !slices.Equal(got, want) {
		t.Errorf("offered are %v, want %v", got, want)
	}
}
