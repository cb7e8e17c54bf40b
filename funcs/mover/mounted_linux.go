package mover

import (
	"bufio"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// isMounted tells whether a directory is in something that was mounted, and not in the
// container's own files. What cannot be found out counts as mounted.
func isMounted(dir string) bool {
	table, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return true
	}
	defer table.Close() // only read from
	points := map[string]bool{}
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			points[unescapeMount(fields[4])] = true
		}
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for at := path.Clean(dir); at != "/" && at != "."; at = path.Dir(at) {
		if points[at] {
			return true
		}
	}
	return lines.Err() != nil
}

// unescapeMount undoes what the kernel does to blanks and backslashes: \040.
func unescapeMount(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, `\`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		n := min(len(rest), 3)
		if c, err := strconv.ParseUint(rest[:n], 8, 8); err == nil && n == 3 {
			out.WriteByte(byte(c))
			text = rest[n:]
			continue
		}
		out.WriteByte('\\')
		text = rest
	}
}
