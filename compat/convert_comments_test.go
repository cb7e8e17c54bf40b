package compat

import (
	"os"
	"strings"
	"testing"
)

// commentLines lists the lines of a YAML file that are nothing but a comment.
func commentLines(tb testing.TB, file string, root *Value) []string {
	tb.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	inText := map[int]bool{}
	var mark func(v *Value)
	mark = func(v *Value) {
		if v.Kind == String {
			last, _ := v.PosAt(len(strings.TrimRight(v.Str, "\n")))
			for n := v.Line + 1; n <= last; n++ {
				inText[n] = true
			}
		}
		for _, f := range v.Fields {
			mark(f.Value)
		}
		for _, item := range v.Items {
			mark(item)
		}
	}
	mark(root)
	var comments []string
	for i, line := range strings.Split(string(src), "\n") {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "#") && !inText[i+1] {
			comments = append(comments, text)
		}
	}
	return comments
}

// TestConvertKeepsComments looks for every comment of the corpus in the CUE.
func TestConvertKeepsComments(t *testing.T) {
	found := 0
	for _, c := range corpus(t) {
		have := map[string]int{}
		for _, line := range strings.Split(string(c.CUE), "\n") {
			have[strings.TrimSpace(line)]++
		}
		for _, comment := range commentLines(t, c.file, c.bp.Doc.Root) {
			want := cueComment(comment)
			if have[want] == 0 {
				t.Errorf("%s: lost the comment %s", c.name, comment)
				continue
			}
			have[want]--
			found++
		}
	}
	t.Logf("%d comments", found)
	if found < 100 {
		t.Errorf("only %d comments", found)
	}
}
