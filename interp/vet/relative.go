package vet

import (
	"path/filepath"
	"slices"
	"strings"
)

// RelativeTo returns the findings with their files as paths from root, with slashes,
// as code hosts know them. A file outside of root keeps its absolute path, and what is
// no path, such as <stdin>, its name.
func RelativeTo(root string, findings []Finding) []Finding {
	findings = slices.Clone(findings)
	for i := range findings {
		findings[i].File = relative(root, findings[i].File)
	}
	return findings
}

func relative(root, file string) string {
	if strings.HasPrefix(file, "<") {
		return file
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return filepath.ToSlash(file)
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(abs)
	}
	return filepath.ToSlash(rel)
}
