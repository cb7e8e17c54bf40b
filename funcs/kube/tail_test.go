package kube

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":     {"", ""},
		"no end":      {"a\nb", "a|b"},
		"empty lines": {"\n\na\r\n\n", "a"},
		"long line":   {strings.Repeat("x", 3*tailWidth) + "\nb\n", strings.Repeat("x", tailWidth) + "|b"},
		"many lines":  {strings.Repeat("y\n", 50) + "z\n", strings.Repeat("y|", tailLines-1) + "z"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				var tail Tail
				for piece := range slices.Chunk([]byte(c.text), size) {
					if _, err := tail.Write(piece); err != nil {
						t.Fatal(err)
					}
				}
				if got := strings.Join(tail.Lines(), "|"); got != c.want {
					t.Errorf("in pieces of %d: %s", size, fmt.Sprintf("%.80q", got))
				}
			}
		})
	}
}
