package vet

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sarifSchema compiles the schema that OASIS publishes. The module that has it comes
// from the network once.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const module = "github.com/owenrumney/go-sarif/v3"
	download := exec.Command("go", "mod", "download", module)
	download.Dir = "testdata/sarifschema"
	if out, err := download.CombinedOutput(); err != nil {
		t.Skipf("the schema cannot be had here: go mod download: %v\n%s", err, out)
	}
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir = "testdata/sarifschema"
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := constantOf(t, filepath.Join(strings.TrimSpace(string(dir)), "pkg", "report", "v210", "sarif", "schema.go"), "schema")
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("sarif.json")
}

// constantOf reads a text constant of a Go file.
func constantOf(t *testing.T, file, name string) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != name {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			text, err = strconv.Unquote(lit.Value)
		}
		return false
	})
	if err != nil || text == "" {
		t.Fatalf("%s has no constant %s: %v", file, name, err)
	}
	return text
}

// TestSARIFSchema: logs are what the standard asks for.
func TestSARIFSchema(t *testing.T) {
	schema := sarifSchema(t)
	info := sample()[0]
	info.Severity = Info
	outside := sample()[0]
	outside.File = "/somewhere else/bp.yaml"
	for name, findings := range map[string][]Finding{
		"nothing": nil, "all severities": append(sample(), info), "outside of the repository": {outside},
		"alike": append(sample(), sample()...),
	} {
		var out bytes.Buffer
		if err := WriteSARIF(&out, findings, SARIFOptions{Version: "v1.2.3"}); err != nil {
			t.Fatal(err)
		}
		log, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(log); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if schema.Validate(map[string]any{"version": "2.1.0"}) == nil {
		t.Error("a log without runs passes: this is not the schema")
	}
}
