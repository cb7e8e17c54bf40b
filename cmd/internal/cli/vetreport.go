package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"github.com/rescuecue/rescue/interp/vet"
)

// report writes the findings in the format that was asked for.
func (f *vetFlags) report(s Streams, r vetResult) error {
	if err := f.write(s.Stdout, r); err != nil {
		return err
	}
	switch f.format {
	case "text":
		summary(s.Stderr, r)
	case "github":
		return stepSummary(r)
	}
	return nil
}

func (f *vetFlags) write(w io.Writer, r vetResult) error {
	switch f.format {
	case "json":
		return vet.WriteJSON(w, r.findings)
	case "sarif":
		return vet.WriteSARIF(w, vet.RelativeTo(repositoryRoot(), r.findings), vet.SARIFOptions{Version: readVersion().Version})
	case "github":
		return vet.WriteGitHub(w, vet.RelativeTo(repositoryRoot(), r.findings))
	case "junit":
		return vet.WriteJUnit(w, r.files, r.findings)
	}
	return vet.WriteText(w, r.findings, vet.TextOptions{Color: colored(w)})
}

// repositoryRoot is the folder that code hosts know paths from: the current one or the
// nearest above it that has .git, else the current one.
func repositoryRoot() string {
	here, err := os.Getwd()
	if err != nil {
		return "." // Paths are as the user has given them.
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return here
		}
	}
}

// stepSummary adds a table to the summary page of the GitHub job, if this is one.
func stepSummary(r vetResult) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	err = vet.WriteSummary(file, len(r.files), vet.RelativeTo(repositoryRoot(), r.findings))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// colored says whether to write in colour: on a terminal, unless the user asked for
// none (see no-color.org).
func colored(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

func summary(w io.Writer, r vetResult) {
	errors, warnings := vet.Count(r.findings)
	if errors+warnings == 0 {
		hints := ""
		if n := len(r.findings); n > 0 {
			hints = " but " + count(n, "hint")
		}
		fmt.Fprintf(w, "%s checked, nothing found%s\n", count(len(r.files), "file"), hints)
		return
	}
	fmt.Fprintf(w, "%s checked: %s, %s\n", count(len(r.files), "file"), count(errors, "error"), count(warnings, "warning"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
