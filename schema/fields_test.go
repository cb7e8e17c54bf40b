package schema

import (
	"slices"
	"strings"
	"testing"
)

// at follows names from a definition; "" stands for any name.
func at(t *testing.T, fields []Field, path ...string) Field {
	t.Helper()
	var f Field
	for _, name := range path {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i < 0 {
			t.Fatalf("%v: there is no field %q among %v", path, name, names(fields))
		}
		f = fields[i]
		fields = f.Fields()
	}
	return f
}

func names(fields []Field) []string {
	var list []string
	for _, f := range fields {
		list = append(list, f.Name)
	}
	return list
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		definition string
		path       []string
		typ, doc   string
	}{
		{"#Phase", []string{"timeout"}, "time.Duration()", "timeout ends the phase"},
		{"#Phase", []string{"retry", "attempts"}, "int & >=1 & <=100", "attempts in all"},
		{"#Inputs", []string{"StatefulSet", "statefulSet", "pods"}, "[...string]", "pods are the names"},
		{"#Inputs", []string{"PVC", "profile", "location", "bucket"}, "string", ""},
		{"#Inputs", []string{"Any", "podLabels"}, "{[string]: string}", "podOverride, podLabels and podAnnotations are"},
		{"#Inputs", []string{"Any", "secrets", "", "data"}, "{[string]: string}", ""},
		{"#Blueprint", []string{"actions", "", "artifactsFrom"}, "string", "artifactsFrom names"},
		{"#Action", []string{"secretNames"}, "[...string]", "inputArtifactNames, configMapNames and secretNames tell"},
	} {
		f := at(t, Fields(c.definition), c.path...)
		if f.Type != c.typ || !strings.HasPrefix(f.Doc, c.doc) || c.doc == "" && f.Doc != "" {
			t.Errorf("%s %v: got the type %q and the comment %q", c.definition, c.path, f.Type, f.Doc)
		}
	}
}

func TestLegacyFields(t *testing.T) {
	phases := at(t, LegacyFields("#Blueprint"), "actions", "", "phases")
	phase, ok := phases.Elem()
	if !ok || !slices.Contains(names(phase.Fields()), "func") {
		t.Errorf("phases is %q, an item %v", phases.Type, names(phase.Fields()))
	}
	if got := at(t, LegacyFields("#ActionSet"), "spec", "actions"); got.Type != "[...#ActionSpec]" {
		t.Errorf("actions of an ActionSet: %q", got.Type)
	}
	if got := LegacyFields("#Nothing"); len(got) != 0 {
		t.Errorf("a definition that is not there has %v", names(got))
	}
}
