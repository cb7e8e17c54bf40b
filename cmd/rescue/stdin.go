package main

import (
	"io"
	"os"
	"strings"
)

// read reads a file, or standard input for -. That is read once and kept, because an
// ActionSet, its Blueprints and its Profile can stand in one stream.
func (c *call) read(path string) ([]byte, error) {
	if path != "-" {
		return os.ReadFile(path)
	}
	if c.stdin == nil {
		src, err := io.ReadAll(c.streams.Stdin)
		if err != nil {
			return nil, err
		}
		c.stdin = append([]byte{}, src...)
	}
	return c.stdin, nil
}

// fileTitle is what messages call a file.
func fileTitle(path string) string {
	if path == "-" {
		return "<stdin>"
	}
	return path
}

// checkStdin refuses flags that want different things from standard input.
func (f *runFlags) checkStdin() error {
	var readers []string
	for _, flag := range []struct{ name, value string }{
		{"-f", f.actionSet}, {"-b", f.blueprint}, {"--artifacts", f.artifacts}, {"--from", f.from}, {"--profile", f.profile},
	} {
		if flag.value == "-" {
			readers = append(readers, flag.name)
		}
	}
	for _, option := range f.secretOptions {
		if key, source, _ := strings.Cut(option, "="); source == inFile+"-" {
			readers = append(readers, "--secret-option "+key)
		}
	}
	switch {
	case len(readers) < 2:
		return nil
	case f.actionSet == "-" && (readers[1] == "-b" || readers[1] == "--profile"):
		return usage("%s: standard input has the ActionSet already; what stands beside it there is found without %s", readers[1], readers[1])
	}
	return usage("%s: standard input is read for %s already", readers[1], readers[0])
}
