package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

// A choice is what becomes of a phase that may or may not have done its work.
type choice string

const (
	rerun choice = "rerun"
	skip  choice = "skip"
	fail  choice = "fail"
)

// choices are what --unfinished and --set-output say.
type choices struct {
	all     choice // for phases that are not named; empty: nothing was said
	phases  map[string]choice
	outputs map[string]map[string]string // by phase and key
}

func readChoices(unfinished, outputs []string) (choices, error) {
	c := choices{phases: map[string]choice{}, outputs: map[string]map[string]string{}}
	for _, text := range unfinished {
		phase, what, named := strings.Cut(text, "=")
		if !named {
			phase, what = "", text
		}
		if !slices.Contains([]choice{rerun, skip, fail}, choice(what)) {
			return c, usage("--unfinished: expected rerun, skip or fail, or PHASE= and one of them; found %q", text)
		}
		if named {
			c.phases[phase] = choice(what)
		} else {
			c.all = choice(what)
		}
	}
	pairs, err := keyValues("--set-output", outputs)
	if err != nil {
		return c, usage("%w", err)
	}
	for name, value := range pairs {
		phase, key, ok := strings.Cut(name, ".")
		if !ok || phase == "" || key == "" {
			return c, usage("--set-output: expected PHASE.KEY=VALUE, found %q", name+"="+value)
		}
		if c.outputs[phase] == nil {
			c.outputs[phase] = map[string]string{}
		}
		c.outputs[phase][key] = value
	}
	return c, nil
}

// of is what was said of a phase, empty for nothing.
func (c choices) of(phase string) choice {
	if what, ok := c.phases[phase]; ok {
		return what
	}
	return c.all
}

// check refuses choices about phases that are not open.
func (c choices) check(id string, open []run.PhaseRecord) error {
	names := map[string]bool{}
	for _, p := range open {
		names[shortName(p.Name)] = true
	}
	for _, phase := range slices.Sorted(maps.Keys(c.phases)) {
		if !names[phase] {
			return usage("--unfinished %s: no phase %q of run %s is unfinished; those that are: %s", c.phases[phase], phase, id, orNone(slices.Sorted(maps.Keys(names))))
		}
	}
	for _, phase := range slices.Sorted(maps.Keys(c.outputs)) {
		if !names[phase] || c.of(phase) != skip {
			return usage("--set-output %s: only a phase that is skipped is given outputs", phase)
		}
	}
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// shortName takes the brackets off the name that the journal gives the defer phase.
func shortName(phase string) string { return strings.Trim(phase, "()") }

// skippedOutput makes the output of a phase that is taken as done.
func skippedOutput(ph *interp.Phase, given map[string]string) (map[string]any, error) {
	output := map[string]any{}
	for key, text := range given {
		value, err := ofKind(ph.Outputs[key], text)
		if err != nil {
			return nil, usage("--set-output %s.%s: %w", shortName(ph.Name), key, err)
		}
		output[key] = value
	}
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(ph.Outputs)) {
		if _, ok := output[key]; !ok {
			missing = append(missing, fmt.Sprintf("--set-output %s.%s=…", shortName(ph.Name), key))
		}
	}
	if len(missing) > 0 {
		return nil, usage("phase %s can only be skipped with the outputs that it would have had: %s", shortName(ph.Name), strings.Join(missing, " "))
	}
	return output, nil
}

// ofKind reads a value of the kind that an output is declared with; 0 is not declared.
func ofKind(kind cue.Kind, text string) (any, error) {
	switch {
	case kind == 0 || kind&cue.StringKind != 0:
		return text, nil
	case kind&cue.IntKind != 0:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
		if kind&cue.FloatKind == 0 {
			return nil, fmt.Errorf("expected a whole number, found %q", text)
		}
		fallthrough
	case kind&cue.FloatKind != 0:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("expected a number, found %q", text)
		}
		return f, nil
	case kind&cue.BoolKind != 0:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("expected true or false, found %q", text)
		}
		return b, nil
	}
	return nil, fmt.Errorf("it is a %s, which cannot be given here: run the phase again, or the action anew", kind)
}
