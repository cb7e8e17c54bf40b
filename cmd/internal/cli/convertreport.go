package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
)

// refusedFile is a file that was not converted, and why.
type refusedFile struct {
	Source      string              `json:"source"`
	Errors      []string            `json:"errors,omitempty"`
	Differences []interp.Difference `json:"differences,omitempty"`
}

func (c *converter) refuse(file, why string) {
	for i, r := range c.refused {
		if r.Source == file {
			c.refused[i].Errors = append(r.Errors, why)
			return
		}
	}
	c.refused = append(c.refused, refusedFile{Source: file, Errors: []string{why}})
}

func (c *converter) isRefused(file string) bool {
	for _, r := range c.refused {
		if r.Source == file {
			return true
		}
	}
	return false
}

// reportText says what became of the templates, and what to look at.
func reportText(w io.Writer, conv *converted) {
	if conv.target != "" {
		fmt.Fprintf(w, "%s: written to %s\n", conv.source, conv.target)
	}
	for _, warning := range conv.Warnings {
		fmt.Fprintf(w, "%v\n", warning)
	}
	kept := conv.KeptActions()
	fmt.Fprintf(w, "%s: %s became CUE, %d stay in templates\n", conv.source, count(conv.Native, "template action"), kept)
	for _, k := range conv.Kept {
		fmt.Fprintf(w, "%s:%d:%d: stays a template: %s\n", conv.source, k.Line, k.Column, k.Reason)
	}
}

// showCheck writes what --check has found.
func (c *converter) showCheck(conv converted) error {
	w := c.streams.Stderr
	for _, d := range conv.checked.Differences {
		params, err := json.Marshal(d.Params)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %s differs\n  YAML    %s\n  CUE     %s\n  params  %s\n", conv.source, d.Path, valueText(d.YAML), valueText(d.CUE), params)
	}
	for _, place := range conv.checked.Unchecked {
		fmt.Fprintf(w, "%s: %s was not compared: no generated parameters fit it; try more with --samples\n", conv.source, place)
	}
	for _, place := range conv.checked.Changing {
		fmt.Fprintf(w, "%s: %s was not compared: it is another each time it is rendered\n", conv.source, place)
	}
	_, err := fmt.Fprintf(w, "%s: %s compared, %s\n", conv.source, count(conv.checked.Compared, "value"), count(len(conv.checked.Differences), "difference"))
	return err
}

func valueText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// finish writes the report on all, and ends with exit code 1 if something could
// not be converted.
func (c *converter) finish(all []converted) error {
	if c.report == "json" {
		if err := c.reportJSON(all); err != nil {
			return cannot(err)
		}
	} else if len(c.folders) > 0 {
		c.summary(all)
	}
	if len(c.refused) > 0 {
		return &ExitError{ExitFindings, fmt.Errorf("%s not converted", count(len(c.refused), "file"))}
	}
	return nil
}

func (c *converter) summary(all []converted) {
	native, kept, warnings := 0, 0, 0
	for _, conv := range all {
		native, kept, warnings = native+conv.Native, kept+conv.KeptActions(), warnings+len(conv.Warnings)
	}
	fmt.Fprintf(c.streams.Stderr, "%s converted, %d not; %s became CUE, %d stay in templates; %s\n",
		count(len(all), "blueprint"), len(c.refused), count(native, "template action"), kept, count(warnings, "warning"))
}

// convertReport is the form of --report json.
type convertReport struct {
	Version    int               `json:"version"`
	Converted  []convertedReport `json:"converted"`
	Refused    []refusedFile     `json:"refused"`
	Native     int               `json:"nativeActions"`
	InTemplate int               `json:"templateActions"`
}

type convertedReport struct {
	Source string `json:"source"`
	Target string `json:"target"`
	// Native template actions became CUE.
	Native    int            `json:"nativeActions"`
	Templates []keptReport   `json:"templates"`
	Warnings  []reportedText `json:"warnings"`
	// Check is there with --check.
	Check *interp.Checked `json:"check,omitempty"`
}

type keptReport struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Actions int    `json:"actions"`
	Reason  string `json:"reason"`
}

type reportedText struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

func (c *converter) reportJSON(all []converted) error {
	report := convertReport{Version: 1, Converted: []convertedReport{}, Refused: append([]refusedFile{}, c.refused...)}
	for _, conv := range all {
		one := convertedReport{
			Source: conv.source, Target: conv.target, Native: conv.Native, Check: conv.checked,
			Templates: []keptReport{}, Warnings: []reportedText{},
		}
		for _, k := range conv.Kept {
			one.Templates = append(one.Templates, keptReport(k))
		}
		for _, w := range conv.Warnings {
			one.Warnings = append(one.Warnings, reportedText{w.Line, w.Column, warningText(w)})
		}
		report.Converted = append(report.Converted, one)
		report.Native, report.InTemplate = report.Native+conv.Native, report.InTemplate+conv.KeptActions()
	}
	enc := json.NewEncoder(c.streams.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

func warningText(w *compat.Error) string {
	if w.Hint != "" {
		return w.Msg + "; " + w.Hint
	}
	return w.Msg
}
