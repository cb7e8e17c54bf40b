package interp

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// TestExportedRendersTheSame converts blueprints to CUE and back, and compares what
// Kanister's engine makes of both: every argument, object and artifact, over
// generated parameters.
func TestExportedRendersTheSame(t *testing.T) {
	files, err := filepath.Glob("../compat/testdata/convert/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if n := renderAll(t, files, 10); n < 400 {
		t.Errorf("only %d values compared", n)
	}
}

// TestExportedCorpusRendersTheSame does so for published blueprints.
func TestExportedCorpusRendersTheSame(t *testing.T) {
	n := renderAll(t, corpusFiles(t), 2)
	t.Logf("%d values compared", n)
	if n < 4500 {
		t.Errorf("only %d values compared", n)
	}
}

// corpusFiles finds the published blueprints: below $RESCUE_CORPUS, or shared/corpus
// beside a folder above this one.
func corpusFiles(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("RESCUE_CORPUS")
	if here, err := filepath.Abs("."); err == nil && dir == "" {
		for ; here != filepath.Dir(here); here = filepath.Dir(here) {
			if _, err := os.Stat(filepath.Join(here, "shared", "corpus")); err == nil {
				dir = filepath.Join(here, "shared", "corpus")
				break
			}
		}
	}
	if dir == "" {
		t.Skip("no corpus of published blueprints: set RESCUE_CORPUS to its folder")
	}
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "blueprints"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	return files
}

func renderAll(t *testing.T, files []string, seeds int64) (compared int) {
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before := parsedBlueprint(t, file, src)
			b, err := LoadSource(file, src)
			if err != nil {
				t.Skipf("cannot be loaded: %v", err)
			}
			e, err := b.Export()
			if err != nil && b.Value.Validate() != nil {
				t.Skipf("the conversion does not pass vet: %v", b.Value.Validate())
			}
			if err != nil {
				t.Fatalf("Export: %v", err)
			}
			out, err := e.Write()
			if err != nil {
				t.Fatalf("Write: %v", err)
			}
			after := parsedBlueprint(t, file, out.YAML)
			for _, a := range before.Actions {
				planned(t, b, a)
				for seed := range seeds {
					compared += sameTemplates(t, a, after.Action(a.Key), seed)
				}
			}
			if t.Failed() {
				t.Logf("%s\n%s", file, out.YAML)
			}
		})
	}
	return compared
}

// planned makes a plan of the action as a run would, unless no generated parameters
// are such that its functions take them.
func planned(t *testing.T, b *Blueprint, a *compat.BlueprintAction) {
	t.Helper()
	var err error
	for seed := range int64(20) {
		if _, err = b.Plan(a.Key, compat.Sample(a, seed)); err == nil {
			return
		}
	}
	if text := err.Error(); !strings.Contains(text, "args.kind: must be") && !strings.Contains(text, "strconv.Atoi") {
		t.Errorf("action %s cannot be planned: %v", a.Key, err)
	}
}

func parsedBlueprint(t *testing.T, file string, src []byte) *compat.Blueprint {
	t.Helper()
	docs, err := compat.Parse(file, src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	for _, d := range docs {
		if d.Kind == compat.KindBlueprint {
			bp, _ := compat.ReadBlueprint(d)
			return bp
		}
	}
	t.Fatalf("no blueprint in\n%s", src)
	return nil
}

// sameTemplates renders both forms of an action, and returns how many values were
// compared.
func sameTemplates(t *testing.T, a, b *compat.BlueprintAction, seed int64) int {
	if b == nil {
		t.Fatalf("action %s is not there", a.Key)
	}
	params := compat.Sample(a, seed)
	before, after := templatesOf(a), templatesOf(b)
	for path, v := range after {
		if _, ok := before[path]; !ok {
			t.Errorf("%s: only in the exported: %v", path, v.value)
		}
	}
	for path, v := range before {
		w, ok := after[path]
		if !ok {
			t.Errorf("%s: lost; it was %v", path, v.value)
			continue
		}
		want, wantErr := v.render(params)
		got, gotErr := w.render(params)
		switch {
		case wantErr != nil && gotErr != nil:
		case wantErr != nil || gotErr != nil:
			t.Errorf("%s (seed %d): %v before, %v after\n%v\n%v", path, seed, wantErr, gotErr, v.value, w.value)
		case !reflect.DeepEqual(normal(want, v.constraint), normal(got, v.constraint)):
			t.Errorf("%s (seed %d):\n before %q\n after  %q", path, seed, want, got)
		}
	}
	return len(before)
}

// templateValue is a value of an action that Kanister renders, or a literal one.
type templateValue struct {
	value      any
	constraint cue.Value
	literal    bool
}

func (v templateValue) render(p *compat.Params) (any, error) {
	if v.literal {
		return renderReferences(v.value, p)
	}
	return compat.Engine{}.RenderValue(v.value, p)
}

// renderReferences renders what Kanister does of a Wait's conditions: the object
// references.
func renderReferences(v any, p *compat.Params) (any, error) {
	var err error
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			if out[i], err = renderReferences(v[i], p); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			render := renderReferences
			if strings.EqualFold(k, "objectReference") {
				render = compat.Engine{}.RenderValue
			}
			if out[k], err = render(v[k], p); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// templatesOf lists what an action has, by where it is.
func templatesOf(a *compat.BlueprintAction) map[string]templateValue {
	all := map[string]templateValue{}
	for i, p := range a.Phases {
		phaseTemplates(all, fmt.Sprint("phase ", i), p)
	}
	if a.DeferPhase != nil {
		phaseTemplates(all, "deferPhase", a.DeferPhase)
	}
	for _, o := range a.OutputArtifacts {
		for _, k := range o.KeyValue {
			all["artifact "+o.Name+"."+k.Name] = templateValue{value: k.Value.Any()}
		}
		if o.KopiaSnapshot != nil {
			all["artifact "+o.Name] = templateValue{value: o.KopiaSnapshot.Value.Any()}
		}
	}
	return all
}

func phaseTemplates(all map[string]templateValue, at string, p *compat.BlueprintPhase) {
	all[at+" func"] = templateValue{value: p.Func}
	fn, _ := schema.Function(p.Func)
	for _, f := range p.Args {
		name := f.Name
		if canonical := fn.Canonical(name); p.Arg(canonical) == nil {
			name = canonical
		}
		arg, _ := fn.Arg(name)
		literal := name == "conditions" || name == "timeout" && p.Func == "WaitV2"
		all[at+" args."+name] = templateValue{f.Value.Any(), schema.TypeOf(arg.Value), literal}
	}
	for _, o := range p.Objects {
		for _, f := range o.Value.Fields {
			if text, ok := f.Value.Text(); ok && text != "" && (f.Name == "name" || f.Name == "namespace") {
				all[at+" objects."+o.Name+"."+f.Name] = templateValue{value: text}
			}
		}
	}
}

// normal makes values equal that Kanister decodes to the same for the argument.
func normal(v any, constraint cue.Value) any {
	text, isText := v.(string)
	if isText && constraint.Exists() && constraint.IncompleteKind() == cue.BoolKind {
		if b, err := strconv.ParseBool(text); err == nil || text == "" {
			return plain(b)
		}
	}
	return plain(v)
}

// plain is the text of a scalar, and a list of just that for it.
func plain(v any) any {
	switch v := v.(type) {
	case bool:
		return map[bool]string{true: "1", false: "0"}[v]
	case json.Number:
		return v.String()
	case []any:
		if len(v) == 1 {
			return plain(v[0])
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			// Kanister's decoder does not look at the case of a field.
			out[strings.ToLower(k)] = plain(v[k])
		}
		return out
	}
	return fmt.Sprint(v)
}
