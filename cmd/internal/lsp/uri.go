package lsp

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// pathOf turns the URI of a file into its path. A document that was never saved has
// none: its path is its name in the folder that the server runs in.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		name := strings.Map(func(c rune) rune {
			if strings.ContainsRune(`/\:`, c) {
				return '-'
			}
			return c
		}, uri)
		if abs, err := filepath.Abs(name); err == nil {
			return abs
		}
		return name
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.Clean(filepath.FromSlash(path))
}

// uriOf turns a path into a URI.
func uriOf(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
