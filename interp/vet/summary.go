package vet

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// maxSummaryRows keeps a summary well below the 1 MiB that GitHub takes.
const maxSummaryRows = 500

// WriteSummary writes findings as a Markdown table, for the summary page of a CI job.
// files is the number of files that were checked.
func WriteSummary(w io.Writer, files int, findings []Finding) error {
	out := bufio.NewWriter(w)
	errors, warnings := Count(findings)
	fmt.Fprintf(out, "### Blueprints\n\n%s checked: %s, %s.\n", plural(files, "file"), plural(errors, "error"), plural(warnings, "warning"))
	if len(findings) > 0 {
		fmt.Fprint(out, "\n| Place | | Finding | Rule |\n|---|---|---|---|\n")
	}
	for _, f := range findings[:min(len(findings), maxSummaryRows)] {
		fmt.Fprintf(out, "| %s | %s | %s | [%s](%s) |\n", code(location(f)), f.Severity, markdownCell(githubMessage(f)), f.Rule, f.Help)
	}
	if more := len(findings) - maxSummaryRows; more > 0 {
		fmt.Fprintf(out, "\nand %d more.\n", more)
	}
	return out.Flush()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// code sets a text in a table's cell as code.
func code(s string) string {
	return "<code>" + markdownCell(s) + "</code>"
}

// markdownCell keeps a text from ending its cell and from being read as markup.
func markdownCell(s string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "\r", "", "\n", "<br>",
		"*", "&#42;", "_", "&#95;", "`", "&#96;", "[", "&#91;", "]", "&#93;", "@", "&#64;", "~", "&#126;", "\\", "&#92;",
	).Replace(printableLines(s))
}

// printableLines is printable for each line.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
