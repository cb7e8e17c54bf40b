package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/rescuecue/rescue/funcs/leftovers"
)

// gcFormatVersion of the document that `rescue gc -o json` prints.
const gcFormatVersion = "1.0"

type gcOutcome string

const (
	// outcomeFound is still there: its removal was not asked for, or is not safe.
	outcomeFound   gcOutcome = "found"
	outcomeRemoved gcOutcome = "removed"
	outcomeFailed  gcOutcome = "failed"
)

// A gcItem is a leftover, and what became of it.
type gcItem struct {
	leftovers.Leftover
	RunState runState
	Outcome  gcOutcome
	Err      error

	age       time.Duration
	removable bool
}

func (i *gcItem) fail(err error) { i.Outcome, i.Err = outcomeFailed, err }

// MarshalJSON is the item's form in the document; docs/gc.md describes it.
func (i *gcItem) MarshalJSON() ([]byte, error) {
	doc := struct {
		Kind      string     `json:"kind"`
		Place     string     `json:"place"`
		Name      string     `json:"name"`
		Run       string     `json:"run"`
		Phase     string     `json:"phase"`
		RunState  runState   `json:"runState"`
		Created   *time.Time `json:"created,omitempty"`
		Removable bool       `json:"removable"`
		Deleting  bool       `json:"deleting"`
		Outcome   gcOutcome  `json:"outcome"`
		Error     string     `json:"error,omitempty"`
	}{Kind: i.Kind, Place: i.Place, Name: i.Name, Run: i.Run, Phase: i.Phase, RunState: i.RunState,
		Removable: i.removable, Deleting: i.Going, Outcome: i.Outcome}
	if !i.Created.IsZero() {
		doc.Created = &i.Created
	}
	if i.Err != nil {
		doc.Error = i.Err.Error()
	}
	return json.Marshal(doc)
}

// report prints the result, and says on standard error what it does not tell.
func (g *collection) report() error {
	g.remark()
	if g.output == "json" {
		return writeJSON(g.streams.Stdout, g.document())
	}
	known, unknown := split(g.items)
	if err := writeItems(g.streams.Stdout, known); err != nil || len(unknown) == 0 {
		return err
	}
	if len(known) > 0 {
		fmt.Fprintln(g.streams.Stdout)
	}
	fmt.Fprintln(g.streams.Stdout, "Of runs without a journal on this machine:")
	return writeItems(g.streams.Stdout, unknown)
}

func split(items []*gcItem) (known, unknown []*gcItem) {
	for _, i := range items {
		if i.RunState == runUnknown {
			unknown = append(unknown, i)
		} else {
			known = append(known, i)
		}
	}
	return known, unknown
}

type gcUnseen struct {
	Where string `json:"where"`
	Error string `json:"error"`
}

func (g *collection) document() any {
	unseen := []gcUnseen{}
	for _, u := range g.unseen {
		unseen = append(unseen, gcUnseen{u.Where, u.Err.Error()})
	}
	return struct {
		FormatVersion string     `json:"formatVersion"`
		Leftovers     []*gcItem  `json:"leftovers"`
		Unseen        []gcUnseen `json:"unseen"`
	}{gcFormatVersion, append([]*gcItem{}, g.items...), unseen}
}

func writeItems(w io.Writer, items []*gcItem) error {
	if len(items) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tNAMESPACE/NAME\tRUN\tPHASE\tAGE\tTHE RUN\tTHIS")
	for _, i := range items {
		fmt.Fprintf(t, "%s\t%s/%s\t%s\t%s\t%s\t%s\t%s\n", i.Kind, i.Place, i.Name, i.Run, i.Phase, i.ageText(), i.RunState, i.state())
	}
	return t.Flush()
}

func (i *gcItem) ageText() string {
	if i.Created.IsZero() {
		return "-"
	}
	return duration.HumanDuration(i.age)
}

func (i *gcItem) state() string {
	switch {
	case i.Outcome == outcomeRemoved:
		return "removed"
	case i.Outcome == outcomeFailed:
		return "could not be removed"
	case i.Going:
		return "being deleted"
	}
	return "left"
}

// remark says what was not looked at, what could not be removed, and what to do next.
func (g *collection) remark() {
	w := g.streams.Stderr
	for _, u := range g.unseen {
		fmt.Fprintf(w, "could not look at %s: %v\n", u.Where, u.Err)
	}
	removable, unknown := 0, 0
	for _, i := range g.items {
		switch {
		case i.Err != nil:
			fmt.Fprintln(w, i.Err)
		case i.Outcome != outcomeFound || i.Going:
		case i.removable:
			removable++
		default:
			unknown++
		}
	}
	if g.busy > 0 {
		fmt.Fprintf(w, "%s of runs that are going on: not shown\n", things(g.busy))
	}
	if removable > 0 {
		fmt.Fprintf(w, "%s left behind: --yes removes what can be removed\n", things(removable))
	}
	if unknown > 0 {
		fmt.Fprintf(w, "%s of runs without a journal on this machine, which may go on elsewhere: --run ID --yes or --older-than DURATION --yes removes it\n", things(unknown))
	}
	if len(g.items) == 0 && g.busy == 0 {
		fmt.Fprintln(w, "nothing is left behind")
	}
}

func things(n int) string {
	if n == 1 {
		return "1 thing"
	}
	return fmt.Sprintf("%d things", n)
}
