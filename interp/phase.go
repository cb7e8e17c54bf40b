package interp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// readPhases makes the plan's phases of the marked action.
func (p *Plan) readPhases(action cue.Value) error {
	values, err := p.phaseValues(action)
	if err != nil {
		return err
	}
	for _, v := range values {
		ph, err := p.readPhase(v)
		if err != nil {
			return fmt.Errorf("phase %s: %w", v.name, err)
		}
		p.Phases = append(p.Phases, ph)
	}
	if d := action.LookupPath(cue.ParsePath("deferPhase")); d.Exists() {
		p.Defer, err = p.readPhase(namedValue{deferName, d, userPos(d)})
		if err != nil {
			return fmt.Errorf("deferPhase: %w", err)
		}
	}
	if a := action.LookupPath(cue.ParsePath("outputArtifacts")); a.Exists() {
		p.artifacts, err = p.markers.export(a, p.tree)
	}
	p.holdBack()
	return err
}

// holdBack marks the phases that read a phase which only an open condition can bring.
func (p *Plan) holdBack() {
	if len(p.open) == 0 {
		return
	}
	for _, ph := range p.Phases {
		if ph.args.wide || ph.objects != nil && ph.objects.wide {
			ph.Undecided = true
		}
	}
}

func (p *Plan) readPhase(v namedValue) (*Phase, error) {
	ph := &Phase{Name: v.name, title: v.name, Pos: v.pos, Attempts: 1, Outputs: p.outputs[v.name]}
	var err error
	if v.name == deferName {
		if ph.title, err = v.value.LookupPath(cue.ParsePath("name")).String(); err != nil {
			return nil, err
		}
	}
	if ph.Func, err = v.value.LookupPath(cue.ParsePath("func")).String(); err != nil {
		return nil, err
	}
	if ph.Timeout, err = duration(v.value, "timeout"); err != nil {
		return nil, err
	}
	if ph.Backoff, err = duration(v.value, "retry.backoff"); err != nil {
		return nil, err
	}
	if n := v.value.LookupPath(cue.ParsePath("retry.attempts")); n.Exists() {
		attempts, err := n.Int64()
		if err != nil {
			return nil, err
		}
		ph.Attempts = int(attempts)
	}
	ph.Undecided = p.waits(v.value)
	if a := v.value.LookupPath(cue.ParsePath("after")); a.Exists() {
		ph.After = []string{}
		// The phases of a list that is not decided are known in the next plan.
		if open := p.waits(a); open {
			ph.Undecided = true
		} else if err := a.Decode(&ph.After); err != nil {
			return nil, err
		}
		ph.named = slices.Clone(ph.After)
	}
	if ph.args, err = p.markers.export(v.value.LookupPath(cue.ParsePath("args")), p.tree); err != nil {
		return nil, err
	}
	if o := v.value.LookupPath(cue.ParsePath("objects")); o.Exists() {
		ph.objects, err = p.markers.export(o, p.tree)
	}
	return ph, err
}

// Title is the phase's name as people read it.
func (ph *Phase) Title() string {
	return ph.title
}

// Place is where the phase is written, for messages.
func (ph *Phase) Place() string { return place(ph.Pos) }

// place writes a position with the file as the user would name it from here.
func place(pos token.Pos) string {
	text := pos.String()
	wd, err := os.Getwd()
	if err != nil {
		return text
	}
	rel, err := filepath.Rel(wd, pos.Filename())
	if err != nil || strings.HasPrefix(rel, "..") {
		return text
	}
	return rel + strings.TrimPrefix(text, pos.Filename())
}

// order fills in what each phase waits for: the phases it names, or all those
// written before, and the phases whose outputs it reads.
func (p *Plan) order() error {
	names := make([]string, len(p.Phases))
	index := map[string]int{}
	for i, ph := range p.Phases {
		names[i], index[ph.Name] = ph.Name, i
	}
	for i, ph := range p.Phases {
		waits, err := p.predecessors(ph, index)
		if err != nil {
			return err
		}
		if ph.After == nil {
			// Most phases: they share one list, which would be long for each of many.
			waits = slices.DeleteFunc(waits, func(j int) bool { return j < i })
			if ph.After = names[:i:i]; len(waits) == 0 {
				ph.InOrder = true
				continue
			}
		} else {
			ph.After = []string{}
		}
		for _, j := range waits {
			ph.After = append(ph.After, names[j])
		}
	}
	return p.checkCycle()
}

// predecessors are the indexes of the phases that ph names or reads, in the order written.
func (p *Plan) predecessors(ph *Phase, index map[string]int) ([]int, error) {
	waits := map[string]bool{}
	for _, name := range ph.After {
		if _, ok := index[name]; !ok {
			return nil, p.unknownPredecessor(ph, name)
		}
		waits[name] = true
	}
	if err := p.reads(ph, waits); err != nil {
		return nil, err
	}
	var found []int
	for name := range waits {
		if j, ok := index[name]; ok {
			found = append(found, j)
		}
	}
	slices.Sort(found)
	return found, nil
}

func (p *Plan) unknownPredecessor(ph *Phase, name string) error {
	hint := ""
	if len(p.open) > 0 {
		hint = fmt.Sprintf("; if a condition brings it, write `after: [if CONDITION {%q}]`", name)
	}
	return fmt.Errorf("%s: phase %s: after: there is no phase %q in action %s%s", ph.Place(), ph.Name, name, p.Action, hint)
}

// reads adds the phases whose outputs or objects ph reads.
func (p *Plan) reads(ph *Phase, waits map[string]bool) error {
	for _, ref := range ph.Reads() {
		switch {
		case ref.Phase == ph.Name && ref.Kind == OutputRef:
			return fmt.Errorf("%s: phase %s reads its own output %s", ph.Place(), ph.Name, ref.Key)
		case ref.Phase == deferName:
			return fmt.Errorf("%s: phase %s reads %s of the deferPhase, which runs after it", ph.Place(), ph.Name, ref.Key)
		case ref.Phase != ph.Name && ref.Phase != "":
			waits[ref.Phase] = true
		}
	}
	return nil
}

// Reads lists what the phase waits for by reading it, templates included as what
// they read of other phases.
func (ph *Phase) Reads() []Ref {
	refs := ph.args.reads()
	if ph.objects != nil {
		refs = append(refs, ph.objects.reads()...)
	}
	for _, ref := range refs {
		if ref.Kind != TemplateRef {
			continue
		}
		refs = append(refs, templateReads(ref.Template)...)
	}
	return refs
}

// templateReads lists what a Go template reads of phases. One that does not parse
// reads nothing: rendering it says what is wrong.
func templateReads(text string) []Ref {
	use, err := compat.TemplateRefs(text)
	if err != nil {
		return nil
	}
	var refs []Ref
	for _, r := range use.Refs {
		path := r.Names()
		if len(path) < 3 || path[0] != "Phases" {
			continue
		}
		kind := map[string]RefKind{"Output": OutputRef, "Secrets": SecretRef, "ConfigMaps": ConfigMapRef}[path[2]]
		if kind != "" {
			refs = append(refs, Ref{Phase: path[1], Kind: kind, Key: strings.Join(path[3:], ".")})
		}
	}
	return refs
}

// checkCycle finds phases that wait for each other, and names them in order,
// starting with the one written first.
func (p *Plan) checkCycle() error {
	after := map[string][]string{}
	for _, ph := range p.Phases {
		after[ph.Name] = ph.After
	}
	done := map[string]bool{}
	for _, ph := range p.Phases {
		if ph.InOrder {
			// What it waits for was looked at before it.
			done[ph.Name] = true
			continue
		}
		if cycle := findCycle(after, ph.Name, nil, done); cycle != nil {
			return fmt.Errorf("%s: phases wait for each other: %s", ph.Place(), strings.Join(cycle, " waits for "))
		}
	}
	return nil
}

func findCycle(after map[string][]string, name string, path []string, done map[string]bool) []string {
	if i := slices.Index(path, name); i >= 0 {
		return append(path[i:], name)
	}
	if done[name] {
		return nil
	}
	path = append(path, name)
	for _, next := range after[name] {
		if cycle := findCycle(after, next, path, done); cycle != nil {
			return cycle
		}
	}
	done[name] = true
	return nil
}

func duration(v cue.Value, path string) (time.Duration, error) {
	d := v.LookupPath(cue.ParsePath(path))
	if !d.Exists() {
		return 0, nil
	}
	text, err := d.String()
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(text)
}

func each(v cue.Value, f func(name string, v cue.Value)) {
	it, err := v.Fields()
	if err != nil {
		return
	}
	for it.Next() {
		f(it.Selector().Unquoted(), it.Value())
	}
}

func fieldNames(v cue.Value) []string {
	var names []string
	each(v, func(name string, _ cue.Value) { names = append(names, name) })
	return names
}

func lastSelector(p cue.Path) string {
	sel := p.Selectors()
	if len(sel) == 0 {
		return ""
	}
	return sel[len(sel)-1].String()
}
