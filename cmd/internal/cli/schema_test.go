package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v3"

	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// compiled is the JSON Schema as a validator that is not ours reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := schema.Embedded().JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("kanister.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("kanister.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// documents reads a file as editors do: by YAML 1.2, each document on its own.
func documents(t *testing.T, data []byte) []any {
	t.Helper()
	var docs []any
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc any
		err := dec.Decode(&doc)
		if err == io.EOF {
			return docs
		}
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, plainJSON(doc))
	}
}

// plainJSON makes of what YAML knows and JSON does not what JSON has for it.
func plainJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = plainJSON(x)
		}
	case map[any]any:
		m := map[string]any{}
		for k, x := range v {
			m[fmt.Sprint(k)] = plainJSON(x)
		}
		return m
	case []any:
		for i, x := range v {
			v[i] = plainJSON(x)
		}
	case nil, bool, string, int, float64:
	default:
		return fmt.Sprint(v) // A date.
	}
	return v
}

// pointers are the places that do not fit, the innermost ones.
func pointers(err error) []string {
	problem := (*jsonschema.ValidationError)(nil)
	if !errors.As(err, &problem) {
		return nil
	}
	if len(problem.Causes) == 0 {
		return []string{"/" + strings.Join(problem.InstanceLocation, "/")}
	}
	var all []string
	for _, cause := range problem.Causes {
		all = append(all, pointers(cause)...)
	}
	return all
}

// sound lists the YAML files below folders in which vet finds no error.
func sound(t *testing.T, dirs ...string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			findings := vet.Check(vet.Unit{Language: vet.YAML, Files: []vet.File{{Name: path, Data: data}}})
			if errors, _ := vet.Count(findings); errors == 0 {
				files[path] = data
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) == 0 {
		t.Fatalf("there are no files in %v in which vet finds no error", dirs)
	}
	return files
}

// TestJSONSchemaAccepts makes sure that an editor marks nothing in a file in which vet finds
// no error.
func TestJSONSchemaAccepts(t *testing.T) {
	testdata := "../../../interp/vet/testdata"
	dirs := []string{filepath.Join(testdata, "ok"), filepath.Join(testdata, "styles"), filepath.Join(testdata, "yaml"), filepath.Join(testdata, "page")}
	if corpus := corpus(); corpus != "" {
		dirs = append(dirs, corpus)
	} else {
		t.Log("no corpus of published blueprints: set RESCUE_CORPUS to its folder to check it too")
	}
	s := compiled(t)
	files := sound(t, dirs...)
	for path, data := range files {
		for i, doc := range documents(t, data) {
			if err := s.Validate(doc); err != nil {
				t.Errorf("%s, document %d: %v", path, i, err)
			}
		}
	}
	t.Logf("%d files", len(files))
}

// corpus is $RESCUE_CORPUS, or shared/corpus above the repository.
func corpus() string {
	candidates := []string{os.Getenv("RESCUE_CORPUS")}
	for up := ".."; len(up) < 40; up = filepath.Join("..", up) {
		candidates = append(candidates, filepath.Join(up, "shared", "corpus"))
	}
	for _, dir := range candidates {
		if info, err := os.Stat(dir); dir != "" && err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}

// TestJSONSchemaRefuses makes one mistake each.
func TestJSONSchemaRefuses(t *testing.T) {
	s := compiled(t)
	const head = "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nactions:\n  a:\n    phases:\n    - "
	const args = "/actions/a/phases/0/args"
	for _, c := range []struct{ text, pointer string }{
		{head + "{func: KubeTask, args: {image: x, command: [a], comand: [b]}}", args},
		{head + "{func: KubeTask, args: {image: x}}", args},
		{head + "{func: KubeTask}", "/actions/a/phases/0"},
		{head + "{func: KubeTask, args: {image: [x], command: [a]}}", args + "/image"},
		{head + "{func: KubeTask, args: {image: x, command: []}}", args + "/command"},
		{head + "{func: KubeTask, args: {image: x, command: [[a]]}}", args + "/command/0"},
		{head + "{func: KubeTsk, args: {}}", "/actions/a/phases/0/func"},
		{head + "{func: ScaleWorkload, args: {replicas: many}}", args + "/replicas"},
		{head + "{func: KubeOps, args: {operation: craete}}", args + "/operation"},
		{head + "{func: KubeOps, args: {operation: create}}", args},
		{head + "{func: KubeOps, args: {operation: delete, objectReference: {name: a, resource: b}}}", args + "/objectReference"},
		{head + "{func: KubeOps, args: {operation: delete, objectReference: {name: a, resource: b, apiVersion: v1, nmae: c}}}", args + "/objectReference"},
		{head + "{func: Wait, args: {timeout: soon, conditions: {}}}", args + "/conditions"},
		{head + "{func: KubeTask, args: {image: x, command: [a]}, objects: [a]}", "/actions/a/phases/0/objects"},
		{head + "{func: KubeTask, args: {image: x, command: [a]}, retries: 3}", "/actions/a/phases/0"},
		{"apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nactions: {a: {phase: []}}", "/actions/a"},
		{"apiVersion: cr.kanister.io/v1alpha1\nkind: Bluprint\nactions: {}", "/kind"},
		{"apiVersion: cr.kanister.io/v1alpha1\nkind: ActionSet\nspec: {actions: [{nme: a}]}", "/spec/actions/0"},
		{"apiVersion: cr.kanister.io/v1alpha1\nkind: Profile\nlocation: {type: s3}\ncredential: {type: keyPair}", "/location/type"},
	} {
		found := pointers(s.Validate(documents(t, []byte(c.text))[0]))
		if !slices.Contains(found, c.pointer) {
			t.Errorf("%s\ngot mistakes at %v, want one at %s", c.text, found, c.pointer)
		}
	}
}

// TestJSONSchemaDescribes makes sure that an editor has something to show.
func TestJSONSchemaDescribes(t *testing.T) {
	text, err := schema.Embedded().JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"command to run: program and arguments", `"KubeTask runs a command in a new pod`, "phases", `"const": "CreateCSISnapshot"`,
		"By default it is", "deferPhase runs after the phases", "Another spelling of",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the schema does not say %q", want)
		}
	}
}
