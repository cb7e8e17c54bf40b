package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
	"github.com/rescuecue/rescue/interp/vet"
)

// large is a blueprint of two actions with many phases each, of some lines with a script: the
// largest that are published have a tenth of it.
func large(language vet.Language, phases int) string {
	var b strings.Builder
	if language == vet.CUE {
		b.WriteString("package shop\n\nimport \"github.com/rescuecue/rescue/schema\"\n\nblueprint: schema.#Blueprint & {\n\tname: \"shop\"\n")
		for _, action := range []string{"backup", "restore"} {
			fmt.Fprintf(&b, "\tactions: %s: {\n\t\tkind: \"StatefulSet\"\n\t\tinput: _\n\t\tphases: {\n", action)
			for i := range phases {
				fmt.Fprintf(&b, "\t\t\tp%d: {\n\t\t\t\tfunc: \"KubeTask\"\n\t\t\t\targs: {\n\t\t\t\t\tnamespace: input.statefulSet.namespace\n\t\t\t\t\timage: \"postgres:17\"\n"+
					"\t\t\t\t\tcommand: [\"bash\", \"-c\", \"\"\"\n\t\t\t\t\t\tset -eu -o pipefail\n\t\t\t\t\t\tpg_dump \\(input.statefulSet.name) > /tmp/x\n\t\t\t\t\t\tkando output location /tmp/x\n\t\t\t\t\t\t\"\"\"]\n\t\t\t\t}\n"+
					"\t\t\t\toutput: location: string\n\t\t\t}\n", i)
			}
			fmt.Fprintf(&b, "\t\t}\n\t\toutputArtifacts: dump: keyValue: location: phases.p%d.output.location\n\t}\n", phases-1)
		}
		return b.String() + "}\n"
	}
	b.WriteString("apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nmetadata:\n  name: shop\nactions:\n")
	for _, action := range []string{"backup", "restore"} {
		fmt.Fprintf(&b, "  %s:\n    kind: StatefulSet\n    outputArtifacts:\n      dump:\n        keyValue:\n          location: '{{ .Phases.%[1]s%d.Output.location }}'\n    phases:\n", action, phases-1)
		for i := range phases {
			fmt.Fprintf(&b, "    - func: KubeTask\n      name: %s%d\n      args:\n        namespace: '{{ .StatefulSet.Namespace }}'\n        image: postgres:17\n        command:\n        - bash\n        - -c\n        - |\n"+
				"          set -eu -o pipefail\n          pg_dump {{ .StatefulSet.Name }} > /tmp/x\n          kando output location /tmp/x\n", action, i)
		}
	}
	return b.String()
}

// BenchmarkEdit measures from a keystroke until the findings are there: through the
// protocol, as an editor sees it. Every other keystroke makes a mistake.
func BenchmarkEdit(b *testing.B) {
	for _, language := range []vet.Language{vet.CUE, vet.YAML} {
		for _, phases := range []int{5, 25} {
			name := map[vet.Language]string{vet.CUE: "bp.cue", vet.YAML: "bp.yaml"}[language]
			b.Run(fmt.Sprintf("%s/%d-phases", strings.TrimPrefix(name, "bp."), 2*phases), func(b *testing.B) {
				benchmarkEdit(b, name, large(language, phases))
			})
		}
	}
}

func benchmarkEdit(b *testing.B, name, text string) {
	e := newBenchEditor(b)
	uri := uriOf(b.TempDir() + "/" + name)
	e.send("initialize", initializeParams{})
	e.send("textDocument/didOpen", didOpenParams{documentItem{URI: uri, Version: 1, Text: text}})
	if found := e.findings(); found != 0 {
		b.Fatalf("the blueprint has %d errors", found)
	}
	d := newDocument(uri, "", vet.YAML, 1, text)
	// The first letter of an argument in the middle.
	at := d.position(len(text)/2 + strings.Index(text[len(text)/2:], "image"))
	version := 1
	for b.Loop() {
		version++
		letter, errors := "i", 0
		if version%2 == 0 {
			letter, errors = "x", 1
		}
		span := textRange{at, position{at.Line, at.Character + 1}}
		e.send("textDocument/didChange", didChangeParams{versionedID{uri, version}, []contentChange{{&span, letter}}})
		if found := e.findings(); (found > 0) != (errors > 0) {
			b.Fatalf("%d errors after typing %q", found, letter)
		}
	}
	b.ReportMetric(float64(strings.Count(text, "\n")), "lines")
}

// BenchmarkCompletion measures from the request to the answer.
func BenchmarkCompletion(b *testing.B) {
	for _, language := range []vet.Language{vet.CUE, vet.YAML} {
		name := map[vet.Language]string{vet.CUE: "bp.cue", vet.YAML: "bp.yaml"}[language]
		b.Run(strings.TrimPrefix(name, "bp."), func(b *testing.B) {
			text := large(language, 25)
			d := newDocument(uriOf(b.TempDir()+"/"+name), "", language, 1, text)
			at := strings.LastIndex(text, "image")
			for b.Loop() {
				// Each keystroke makes a document whose shape nobody has read.
				d = d.edit(1, []contentChange{{nil, text}})
				if offers := newCursor(d, nil, at+2).offers(); len(offers) == 0 {
					b.Fatal("nothing is offered")
				}
			}
		})
	}
}

// A benchEditor is the client's side, without a library whose time would count.
type benchEditor struct {
	b    *testing.B
	conn *rpc.Conn
}

func newBenchEditor(b *testing.B) benchEditor {
	fromEditor, toServer := io.Pipe()
	fromServer, toEditor := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- (&Server{}).Serve(context.Background(), fromEditor, toEditor) }()
	b.Cleanup(func() {
		toServer.Close()
		fromServer.Close()
		if err := <-ended; !errors.Is(err, ErrNoShutdown) {
			b.Error(err)
		}
	})
	return benchEditor{b, rpc.NewConn(fromServer, toServer)}
}

func (e benchEditor) send(method string, params any) {
	if err := e.conn.Notify(method, params); err != nil {
		e.b.Fatal(err)
	}
}

// findings counts the errors in the next findings that come.
func (e benchEditor) findings() int {
	for {
		m, err := e.conn.Read()
		if err != nil {
			e.b.Fatal(err)
		}
		var p publishParams
		if m.Method != "textDocument/publishDiagnostics" {
			continue
		}
		if err := json.Unmarshal(m.Params, &p); err != nil {
			e.b.Fatal(err)
		}
		errors := 0
		for _, d := range p.Diagnostics {
			if d.Severity == severityError {
				errors++
			}
		}
		return errors
	}
}
