package compat

import (
	"regexp"
	"strings"
)

// ScriptOutput is an output that a script writes.
type ScriptOutput struct {
	Key string
	// Offset of the key in the script.
	Offset int
}

// The commands of Kanister's tool that write an output. The key may be quoted.
var (
	outputCommand = regexp.MustCompile(`\bkando(?:\s+-\S+(?:\s+[^-\s]\S*)??)*\s+output\s+(?:-\S+\s+)*(["']?)([^\s"';|&]+)`)
	outputFlag    = regexp.MustCompile(`\s(?:--output-name|-o)(?:\s+|=)(["']?)([^\s"';|&]+)`)
	pushCommand   = regexp.MustCompile(`\bkando\b[^\n]*\blocation\s+push\b`)
	outputKey     = regexp.MustCompile(`^[a-zA-Z0-9_]+$`)
)

// ScriptOutputs finds the outputs that a shell script writes with `kando output
// KEY` and `kando location push --output-name KEY`. computed says that there is
// one whose key only the running script knows.
func ScriptOutputs(script string) (outputs []ScriptOutput, computed bool) {
	add := func(m []int) {
		key := script[m[4]:m[5]]
		if outputKey.MatchString(key) {
			outputs = append(outputs, ScriptOutput{Key: key, Offset: m[4]})
		} else {
			computed = true
		}
	}
	for _, m := range outputCommand.FindAllStringSubmatchIndex(script, -1) {
		add(m)
	}
	for _, push := range pushCommand.FindAllStringIndex(script, -1) {
		end := push[1] + commandEnd(script[push[1]:])
		for _, m := range outputFlag.FindAllStringSubmatchIndex(script[push[1]:end], -1) {
			for i := range m {
				m[i] += push[1]
			}
			add(m)
		}
	}
	return outputs, computed
}

// commandEnd finds the end of a command's line; a backslash before the line's end
// continues it.
func commandEnd(text string) int {
	end := 0
	for {
		i := strings.IndexByte(text[end:], '\n')
		if i < 0 {
			return len(text)
		}
		end += i
		if end == 0 || text[end-1] != '\\' {
			return end
		}
		end++
	}
}
