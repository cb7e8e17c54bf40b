package funcs

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestReadManifests(t *testing.T) {
	for name, c := range map[string]struct {
		spec  string
		names string
		lines []int
	}{
		"documents": {
			spec:  "# head\n---\n---\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n# none\n---\napiVersion: v1\nkind: B\nmetadata:\n  name: b\n",
			names: "a b", lines: []int{4, 10},
		},
		"a List": {
			spec:  "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n- apiVersion: v1\n  kind: B\n  metadata: {name: b}\n",
			names: "a b", lines: []int{4, 5},
		},
		"separator in a text": {
			spec:  "apiVersion: v1\nkind: A\nmetadata: {name: a}\ndata:\n  x: |\n    ---\n    y\n",
			names: "a", lines: []int{1},
		},
		"JSON": {
			spec:  "{\n\t\"apiVersion\": \"v1\", \"kind\": \"A\",\n\t\"metadata\": {\"name\": \"a\"}\n}",
			names: "a", lines: []int{1},
		},
		"JSON values": {
			spec:  "\n{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}}\n\n {\"apiVersion\": \"v1\", \"kind\": \"BList\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"B\", \"metadata\": {\"name\": \"b\"}}]}\n",
			names: "a b", lines: []int{2, 4},
		},
		"YAML in braces": {spec: "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: v1, kind: A, metadata: {generateName: g-}}\n", names: "a g-", lines: []int{1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			manifests, err := readManifests(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			var lines []int
			for _, m := range manifests {
				names, lines = append(names, m.object.GetName()+m.object.GetGenerateName()), append(lines, m.line)
			}
			if strings.Join(names, " ") != c.names || !reflect.DeepEqual(lines, c.lines) {
				t.Errorf("%v in lines %v", names, lines)
			}
		})
	}
}

// TestReadManifestsAll: all documents that are no objects are reported.
func TestReadManifestsAll(t *testing.T) {
	_, err := readManifests("kind: A\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}\n---\n- 1\n---\napiVersion: v1\nkind: C\nmetadata: {}\n")
	for _, want := range []string{
		"document 1 of 4, line 1 of the spec: it is no Kubernetes object: apiVersion or kind is missing",
		"document 3 of 4, line 7 of the spec: it is no Kubernetes object",
		"document 4 of 4, line 9 of the spec: C: metadata has no name and no generateName",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in the error: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "document 2") {
		t.Errorf("error %v", err)
	}
}

func FuzzReadManifests(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n", `{"kind":"List","items":[{}]}{"a":1}`, "{a: b", "- 1", "{\"a\":\n1e400}", "{}\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		manifests, err := readManifests(spec)
		if err != nil {
			return
		}
		last := 1
		for _, m := range manifests {
			if m.object.GetKind() == "" || m.line < last && !strings.ContainsAny(spec, "*&") || m.line > 1+strings.Count(spec, "\n")+strings.Count(spec, "\r") {
				t.Fatalf("%s: %v", m, m.object)
			}
			last = m.line
			if _, err := json.Marshal(m.object.Object); err != nil {
				t.Fatal(err)
			}
		}
	})
}
