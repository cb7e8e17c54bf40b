package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"strconv"
	"strings"
	"testing"

	kyaml "sigs.k8s.io/yaml"
)

// kubernetes reads YAML as kubectl and the API server do.
func kubernetes(src []byte) (any, error) {
	text, err := kyaml.YAMLToJSON(src)
	if err != nil {
		return nil, err
	}
	return decodeJSON(text)
}

func decodeJSON(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return numbers(v), err
}

// numbers makes int64 of what fits, as Kubernetes' decoder does.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

func readOne(src []byte) (any, error) {
	docs, err := Parse("t.yaml", src)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, nil
	}
	return docs[0].Root.Any(), nil
}

var scalars = strings.Fields(`
	y Y yes Yes YES yEs n N no No NO true True TRUE tRUE false on On ON off Off OFF
	~ null Null NULL nul 0 00 007 010 08 0o10 0O7 0x1F 0X1f 0b11 0B11 -0b11 +0b11 -0x1f +7 -7 --7
	1_000 1__0 _1 1_ 0_7 1.0 1. .5 -.5 +.5 1e3 1E3 1e+3 1e-3 .5e1 -1.5e3 1e400 1.5.2 1e 0x
	.inf -.Inf +.INF .nan .NaN . .. ... 0. -0 +0 -0.0
	190:20:30 1:30 12:30:45.5 2024-06-08 2024-6-8 2024-06-08T10:00:00Z 2024-06-08t10:00:00Z 2024-13-08 2024-
	9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 -9223372036854775808 -9223372036854775809
	'' "" 'yes' "010" '1' "2024-01-01" <<x =  0xg 0b2 1,000 5m 1Gi !x !!str !!str5 a:b http://x
	+ - 1-2 +a -a .a ~a 1a 0777 0_777 0x_1F 1e1_0 0b1_1 0o_7 -010 +010 -08 09.5 0b 0o 0p 1p4 0x1p4 0x1.8p1 0b11.5 infinity Inf inf nan NaN
`)

func TestScalarsAsKubernetes(t *testing.T) {
	words := append([]string{"2024-06-08 10:00:00", "2024-06-08 10:00:00 +1", "!!str 5", "!!str yes", "!!int 5", "!!int '5'", "!!float 3",
		"!!bool yes", "!!bool x", "!!int x", "!!null ''", "!!binary aGk=", "!!binary '*'", "!foo 5", "!!float x", "!!timestamp 2024-01-01"}, scalars...)
	for _, s := range words {
		for _, form := range []string{"a: %s\n", "- %s\n", "%s: 1\n"} {
			compare(t, fmt.Sprintf(form, s))
		}
	}
}

// compare checks that Parse and Kubernetes see the same in src, or that both
// refuse it.
func compare(t *testing.T, src string) {
	t.Helper()
	want, wantErr := kubernetes([]byte(src))
	got, err := readOne([]byte(src))
	if (err != nil) != (wantErr != nil) {
		t.Errorf("%q: error %v, Kubernetes' %v", src, err, wantErr)
		return
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %#v, Kubernetes has %#v", src, got, want)
	}
}

func TestRandomScalarsAsKubernetes(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	const alphabet = "0123456789+-._eExXoObByYnNtTaAfFs:lu~ "
	for range 10000 {
		b := make([]byte, 1+rnd.Intn(7))
		for i := range b {
			b[i] = alphabet[rnd.Intn(len(alphabet))]
		}
		compare(t, "a: "+string(b)+"\n")
	}
}

func TestDocumentsAsKubernetes(t *testing.T) {
	for _, src := range []string{
		"a: &x {p: 1, q: [2, yes]}\nb: *x\nc: [*x, *x]\n",
		"a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n",
		"a: &x {p: 1}\nb: &y {p: 2, r: 4}\nc:\n  <<: [*x, *y]\n  s: 5\n",
		"a: |\n  x\n   y\n\n  z\n\n\nb: >-\n  a\n  b\n\n  c\n",
		"a: |2\n    x\n  y\nb: |+\n  z\n\n",
		"? a\n: b\n", "{a: 1, b: [x, {c: d}]}\n", "a:\n- b\n-\n  - c\n  -\n", "a: 'it''s\n  two\n\n  lines'\n", "a: \"x\\ty\\\n   z\\u00e9\"\n",
		"\xEF\xBB\xBFa: 1\n", "a: 1\r\nb: |\r\n  x\r\n  y\r\n", "- a # c\n# d\n- b\n", "a: b\n...\n", "\"<<\": {a: 1}\n",
	} {
		compare(t, src)
	}
}

func TestKindsOfDocuments(t *testing.T) {
	const src = `
# nothing but a comment
---
apiVersion: cr.kanister.io/v1alpha1
kind: Blueprint
---
kind: ActionSet
---
apiVersion: config.kio.kasten.io/v1alpha1
kind: Profile
---
apiVersion: v1
kind: List
items:
- {apiVersion: cr.kanister.io/v1alpha1, kind: Profile}
- {apiVersion: v1, kind: Secret}
---
- 1
`
	docs, err := Parse("f.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range docs {
		kinds = append(kinds, d.Kind)
	}
	if want := []string{"Blueprint", "ActionSet", "", "Profile", "", ""}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds %q, want %q", kinds, want)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"tab", "a:\n\tb: 1\n", "f.yaml:2:1: a tab in the indentation; YAML wants spaces"},
		{"tab after spaces", "a:\n  b: 1\n  \tc: 2\n", "f.yaml:3:3: a tab in the indentation; YAML wants spaces"},
		{"tab in the first line", "\ta: 1\n", "f.yaml:1:1: a tab in the indentation; YAML wants spaces"},
		{"duplicate", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", `f.yaml:5:3: duplicate key "c": it stands at 3:3 already; remove one of them`},
		{"unclosed quote", "a: 1\nb: \"x\n", "a quote or bracket is not closed"},
		{"colon", "a: 1\nb: c: d\n", `f.yaml:2:1: not valid YAML: mapping values are not allowed in this context; put a value that holds ": " in quotes`},
		{"template without quotes", "a: {{ .Name }}\n", "f.yaml:1:5: a key must be text; put a template or flow value that is a key in quotes"},
		{"percent", "a: %x\n", "f.yaml:1:1: not valid YAML: found character that cannot start any token; put the value in quotes"},
		{"unknown alias", "a: 1\nb: *x\n", "unknown anchor 'x' referenced; define it with & before it is used"},
		{"recursion", "a: &x\n  b: *x\n", "f.yaml:2:6: the alias *x stands inside the value that it repeats"},
		{"infinity", "a: .inf\n", "f.yaml:1:4: .inf cannot be stored in Kubernetes; put it in quotes if it is text"},
		{"binary", "a: \x00\x01\n", "control characters are not allowed; is this a text file?"},
		{"merge of text", "a:\n  <<: b\n", "f.yaml:2:7: << needs a map, or a list of maps, to merge"},
		{"null key", "~: b\n", "f.yaml:1:1: a key must not be null; put it in quotes if it is text"},
		{"depth", strings.Repeat("[", 600) + strings.Repeat("]", 600), "nested more than 500 levels deep"},
		{"size", strings.Repeat("#", maxFileSize+1), "f.yaml: the file has 64 MiB; the limit is 64 MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(test.src))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestParseReportsAllDuplicates(t *testing.T) {
	docs, err := Parse("f.yaml", []byte("a: 1\na: 2\na: 3\n---\nb: 1\n"))
	var all Errors
	if !errors.As(err, &all) || len(all) != 2 || len(docs) != 2 {
		t.Errorf("%d documents, errors %v", len(docs), err)
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	_, err := Parse("f.yaml", []byte(b.String()))
	if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), "once the aliases are expanded") {
		t.Errorf("error %.300v", err)
	}
}

func TestComments(t *testing.T) {
	const src = `# top
a: # on a
  # above b
  b: 1 # on b
  # below b

# above c
c:
# above the item
- d # on d
`
	docs, err := Parse("f.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	root := docs[0].Root
	a, c := root.Field("a"), root.Field("c")
	b, d := a.Value.Field("b"), c.Value.Items[0]
	got := []string{root.Comments.Head + a.Comments.Head, a.Comments.Line, b.Comments.Head, b.Comments.Line, c.Comments.Head, d.Comments.Head, d.Comments.Line}
	want := []string{"# top", "# on a", "# above b", "# on b", "# above c", "# above the item", "# on d"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("comments %q, want %q", got, want)
	}
}

// TestPosAt looks every word up again in the source, at the place that PosAt gives.
func TestPosAt(t *testing.T) {
	const src = "plain: alpha beta gämma delta\n" +
		"wrapped: alpha beta\n  gamma\n\n  delta\n" +
		"single: 'it''s alpha ''beta''\n  gamma\n\n  delta'\n" +
		"double: \"\\talpha \\u00e9\\\"beta\\\" \\\n   gamma\n  delta\"\n" +
		"literal: |\n\n  alpha\n   beta\n\n  gamma é delta\n\n" +
		"strip: !!str |-\n    alpha beta\n    gamma\n" +
		"indented: |2\n      alpha\n    beta\n" +
		"folded: >\n  alpha\n  beta\n\n\n  gamma\n   more\n  delta\n" +
		"list:\n- - x: |\n      alpha\n      beta\n" +
		"crlf: |\r\n  alpha\r\n  beta\r\n"
	docs, err := Parse("f.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	lines := splitLines(src)
	found := 0
	var check func(v *Value)
	check = func(v *Value) {
		for _, f := range v.Fields {
			check(f.Value)
		}
		for _, i := range v.Items {
			check(i)
		}
		for _, word := range []string{"alpha", "beta", "gamma", "gämma", "delta", "more"} {
			at := strings.Index(v.Str, word)
			if at < 0 {
				continue
			}
			found++
			line, column := v.PosAt(at)
			text := []rune(lines[line-1])
			if column > len(text) || !strings.HasPrefix(string(text[column-1:]), word) {
				t.Errorf("%q at %d in %q: %d:%d is not its place", word, at, v.Str, line, column)
			}
		}
	}
	check(docs[0].Root)
	if found < 30 {
		t.Errorf("only %d words", found)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1\n", "a: &x [1]\nb: *x\n", "a: |\n  x\n", "a: >-\n  x\n  y\n", "a: \"\\x41\"\n", "# c\na: # d\n- e\n", "<<: {a: b}\n", "a:\tb\n", "? [a]\n: b\n"} {
		f.Add([]byte(seed))
	}
	seedFiles(f, func(src []byte) { f.Add(src) })
	f.Fuzz(func(t *testing.T, src []byte) {
		docs, err := Parse("f.yaml", src)
		if err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
		for _, d := range docs {
			positions(d.Root)
			ReadBlueprint(d)
		}
	})
}

// positions asks for every position in every string, which must not crash.
func positions(v *Value) {
	for i := 0; i <= min(len(v.Str), 200); i++ {
		v.PosAt(i)
	}
	for _, f := range v.Fields {
		positions(f.Value)
	}
	for _, item := range v.Items {
		positions(item)
	}
}
