package outline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape writes a tree as text: a line a node, indented.
func shape(n *Node, indent string) string {
	var b strings.Builder
	for _, c := range n.Children {
		key := c.Key
		if key == "" {
			key = "-"
		}
		if c.Hidden {
			key = "(" + key + ")"
		}
		fmt.Fprintf(&b, "%s%s", indent, key)
		if c.Kind == Scalar {
			fmt.Fprintf(&b, " = %s", strings.ReplaceAll(c.Text, "\n", "⏎"))
		}
		b.WriteString("\n" + shape(c, indent+"  "))
	}
	return b.String()
}

func TestCUE(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"chains": {`args: replicas: 0, func: "X"`, "args\n  replicas = 0\nfunc = X\n"},
		"braces": {"a: s.#B & {\n\tb: c: \"x\" // c\n\n\td: [1, \"e\"]\n}\nf: 1\n",
			"a\n  b\n    c = x\n  d\n    - = 1\n    - = e\nf = 1\n"},
		"clauses": {"p: {\n\tif x != _|_ {a: 1}\n\tfor k in input.pods[0] {\"d-\\(k)\": {func: k}}\n\tb: 2\n}",
			"p\n  a = 1\n  \"d-\\(k)\"\n    func = k\n  b = 2\n"},
		"being typed": {"a: {\n\tfunc: \n\targs: {\n\t\tim\n\t\tcommand: [\"a\"\n\t}\n}\nb: 1",
			"a\n  func\n  args\n    command\n      - = a\nb = 1\n"},
		"unclosed text":  {"a: \"x\nb: 1\n", "a = x\nb = 1\n"},
		"blocks":         {"a: \"\"\"\n\tx: {\n\t\"\"\"\nb: #\"y\"z\\#(1)\"#\n", "a = ⏎\tx: {⏎\t\nb = #\"y\"z\\#(1)\"#\n"},
		"interpolation":  {`a: "x\(input.b["c)"]) y", b: 1`, "a = \"x\\(input.b[\"c)\"]) y\"\nb = 1\n"},
		"let and alias":  {"let v = {x: 1}\nA=b: c?: d!: 1\n_s: string @gotmpl(\"{{ a }}\")\n", "(v)\n  x = 1\nb\n  c\n    d = 1\n_s = string\n"},
		"patterns":       {"[Name=string]: x: 1\n(k): 2\n", "[Name=string]\n  x = 1\n(k) = 2\n"},
		"embedding":      {"a: {\n\tb.#C & {x: 1}\n\ty: 2\n}", "a\n  x = 1\n  y = 2\n"},
		"stray brackets": {"}}]) a: 1", "a = 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, shape(CUE(c.src), "")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRefs reads the names in an expression, but not those that only lead to a part of it.
func TestRefs(t *testing.T) {
	src := "x: a.#B & (_c & {d: e}) & f.\"g h\"\n\tx: {h.#I}\n"
	var names []string
	for _, x := range CUE(src).Children {
		for _, r := range x.Refs {
			names = append(names, strings.Join(r.Names, "/"))
			if src[r.Span.Start:r.Span.Start+1] != r.Names[0][:1] {
				t.Errorf("%v stands at %q", r.Names, src[r.Span.Start:r.Span.End])
			}
		}
	}
	if diff := cmp.Diff([]string{"a/#B", "_c", "f/g h", "h/#I"}, names); diff != "" {
		t.Error(diff)
	}
	if refs := CUE("x: len(a) + b[0] + c.d() + e.").Children[0].Refs; len(refs) != 1 || refs[0].Names[0] != "a" {
		t.Errorf("of parts and calls there are names: %v", refs)
	}
}

func TestYAML(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"lists at the key's column": {"phases:\n- func: A\n  args:\n    b: 1\n- func: B\nx: 2\n",
			"-\n  phases\n    -\n      func = A\n      args\n        b = 1\n    -\n      func = B\n  x = 2\n"},
		"indented lists": {"a:\n  - - x\n    - y\n  - z: 1 # c\n    q: 'it''s'\nb: \"k: l\"\n",
			"-\n  a\n    -\n      - = x\n      - = y\n    -\n      z = 1\n      q = it''s\n  b = k: l\n"},
		"blocks":                  {"a:\n- |\n  x: 1\n\n   - y\n- >-\n    z\nb: 1\n", "-\n  a\n    - =   x: 1⏎⏎   - y\n    - =     z\n  b = 1\n"},
		"documents":               {"a: 1\n---\nb: 2\n", "-\n  a = 1\n-\n  b = 2\n"},
		"being typed":             {"a:\n  func: \n  args:\n    im\n    b: {{ .X }}\n  c:\nd: 1\n", "-\n  a\n    func\n    args\n      b = {{ .X }}\n    c\n  d = 1\n"},
		"flow":                    {"{\"a\": {b: [1, {c: \"d\"}],\n  e: {}}}\n", "-\n  a\n    b\n      - = 1\n      -\n        c = d\n    e\n"},
		"open flow":               {"a:\n  b: [1, 2\n  c: 3\n", "-\n  a\n    b\n      - = 1\n      - = 2\n    c = 3\n"},
		"a colon in an open list": {"a: [   b:\n  - c: d\n", "-\n  a\n    - = b\n    - = - c\n    - = d\n"},
		"templates":               {"a: '{{ .X | default \"b: c\" }}'\n{{ if }}: 1\n", "-\n  a = {{ .X | default \"b: c\" }}\n"},
		"anchors":                 {"a: &x\n  b: !!str 1\nc: *x\n", "-\n  a\n    b = 1\n  c = *x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := shape(YAML(c.src), "")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHostile reads texts that nest without end: each takes no longer than its length.
func TestHostile(t *testing.T) {
	for _, part := range []string{"[", "{", "(", "a: [", "a: {", "- ", "{a: ", "[a: ", "[{", "(a: ", "if x {", "\"\\(", "a: b: ", "[a, ", "{\"", "a:\n - "} {
		src := strings.Repeat(part, 20_000)
		sound(t, src, CUE(src))
		sound(t, src, YAML(src))
	}
}

// TestAt asks for the node at the mark.
func TestAt(t *testing.T) {
	for _, c := range []struct{ lang, src, want string }{
		{"cue", "a: {\n\tb: \"x|y\"\n}\n", "/a/b"},
		{"cue", "a: {\n\tb: 1\n\t|\n}\n", "/a"},
		{"cue", "a: b: {c: |}\n", "/a/b/c"},
		{"cue", "a: {func: |\n\tx: 1}", "/a/func"},
		{"yaml", "a:\n  b: x|y\n", "//a/b"},
		{"yaml", "a:\n  b: |-\n    echo\n    ec|ho\n  c: 1\n", "//a/b"},
		{"yaml", "a:\n- b: 1\n  c:|\n", "//a//c"},
	} {
		at := strings.LastIndexByte(c.src, '|')
		src := c.src[:at] + c.src[at+1:]
		root := CUE(src)
		if c.lang == "yaml" {
			root = YAML(src)
		}
		got := ""
		for _, n := range root.At(at).Path()[1:] {
			got += "/" + n.Key
		}
		if got != c.want {
			t.Errorf("%q: at %s, want %s", c.src, got, c.want)
		}
	}
}

// sound checks what holds of the tree of any text.
func sound(t *testing.T, src string, root *Node) {
	t.Helper()
	root.Walk(func(n *Node) {
		for _, s := range []Span{n.KeySpan, n.Value} {
			if s.Start < 0 || s.End < s.Start || s.End > len(src) {
				t.Fatalf("%q: %q has the span %v of %d bytes", src, n.Key, s, len(src))
			}
		}
		for _, c := range n.Children {
			if c.Parent != n {
				t.Fatalf("%q: the parent of %q is another", src, c.Key)
			}
		}
	})
	for i := 0; i <= len(src); i += 1 + len(src)/64 {
		root.At(i)
	}
}

func seeds(f *testing.F, pattern string) {
	paths, err := filepath.Glob(filepath.Join("../../../../interp/vet/testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds match %s: %v", pattern, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
}

func FuzzCUE(f *testing.F) {
	seeds(f, "*/*.cue")
	f.Fuzz(func(t *testing.T, src string) { sound(t, src, CUE(src)) })
}

func FuzzYAML(f *testing.F) {
	seeds(f, "*/*.yaml")
	f.Fuzz(func(t *testing.T, src string) { sound(t, src, YAML(src)) })
}
