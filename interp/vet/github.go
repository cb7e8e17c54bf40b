package vet

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteGitHub writes findings as workflow commands, which GitHub Actions shows as
// annotations of the changed lines.
func WriteGitHub(w io.Writer, findings []Finding) error {
	out := bufio.NewWriter(w)
	for _, f := range findings {
		fmt.Fprintf(out, "::%s %s::%s\n", githubLevel(f.Severity), githubProperties(f), escapeMessage(githubMessage(f)))
	}
	return out.Flush()
}

// githubLevel is GitHub's name of a severity.
func githubLevel(s Severity) string {
	if s == Info {
		return "notice"
	}
	return string(s)
}

func githubProperties(f Finding) string {
	props := []string{"file=" + escapeProperty(f.File)}
	if f.Line > 0 {
		props = append(props, fmt.Sprintf("line=%d,endLine=%d,col=%d", f.Line, f.EndLine, f.Column))
		if f.EndLine == f.Line {
			props = append(props, fmt.Sprintf("endColumn=%d", f.EndColumn))
		}
	}
	return strings.Join(append(props, "title="+escapeProperty(f.Rule)), ",")
}

func githubMessage(f Finding) string {
	if f.Suggestion == "" {
		return f.Message
	}
	return f.Message + "\n" + f.Suggestion
}

func escapeMessage(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
