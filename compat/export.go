package compat

import (
	"cmp"
	"slices"
)

// Export is a native blueprint, evaluated as far as it can be without inputs, on
// its way to Kanister's YAML.
type Export struct {
	Name, Namespace     string
	Labels, Annotations map[string]string
	// Head is the comment above all.
	Head    string
	Actions []*ExportAction
	// Problems are what Kanister has nothing for in the structure of the blueprint.
	Problems Errors
}

// ExportAction is one action of an Export.
type ExportAction struct {
	Name string
	// Kind of object; empty for any.
	Kind     string
	Comments Comments
	// The names that the caller has to provide, as the author lists them.
	InputArtifactNames, SecretNames, ConfigMapNames []string
	// Artifacts that the action named by artifactsFrom writes, in that order. Those
	// that are read become InputArtifactNames.
	ArtifactsFrom []string
	Phases        []*ExportPhase
	// Defer is nil if there is none.
	Defer *ExportPhase
	// OutputArtifacts is nil if there are none.
	OutputArtifacts *ExportValue
}

// ExportPhase is one phase.
type ExportPhase struct {
	// Name is empty for a defer phase that the author gave none.
	Name, Func string
	Place      Place
	Comments   Comments
	// Args and Objects are nil if there are none.
	Args, Objects *ExportValue
}

// ExportValue is a value in an Export: a list, a map, or an expression.
type ExportValue struct {
	Place    Place
	Comments Comments
	// Exactly one of these is set; an empty list or map is not nil.
	Expr   Expr
	Items  []*ExportValue
	Fields []*ExportField
}

// ExportField is one entry of a map.
type ExportField struct {
	// Key is a text, or an expression that makes one.
	Key      Expr
	Comments Comments
	Value    *ExportValue
}

// Place is where something is written in the CUE.
type Place struct {
	File         string
	Line, Column int
}

// Errorf makes an Error at the place.
func (p Place) Errorf(format string, args ...any) *Error {
	return errorAt(p.File, p.Line, p.Column, format, args...)
}

// Exported is Kanister's YAML of a blueprint.
type Exported struct {
	YAML []byte
	// Notes are places where Kanister does not do quite the same, or where its
	// newest release refuses what older ones run.
	Notes Errors
}

// Write makes Kanister's YAML. The error is Errors, with everything that Kanister
// cannot express.
func (e *Export) Write() (*Exported, error) {
	w := &exportWriter{errs: e.Problems}
	w.phaseNames(e)
	doc := w.document(e)
	if len(w.errs) > 0 {
		return nil, w.errs.sorted()
	}
	src, err := encodeYAML(doc)
	if err != nil {
		return nil, err
	}
	return &Exported{YAML: src, Notes: w.notes.sorted()}, nil
}

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(e, func(a, b *Error) bool { return *a == *b })
}

// exportWriter makes the YAML of an Export.
type exportWriter struct {
	errs, notes Errors
	action      *ExportAction
	// texts are the templates of the action, to find which artifacts it reads.
	texts []string
}

func (w *exportWriter) fail(err *Error) { w.errs = append(w.errs, err) }
func (w *exportWriter) note(err *Error) { w.notes = append(w.notes, err) }

// phaseNames notes phases of one name in several actions: Kanister's admission
// webhook refuses them, though they run.
func (w *exportWriter) phaseNames(e *Export) {
	first := map[string]string{}
	for _, a := range e.Actions {
		for _, p := range a.allPhases() {
			other, taken := first[p.Name]
			switch {
			case !taken:
				first[p.Name] = a.Name
			case other != a.Name:
				w.note(p.Place.Errorf("phase %q of action %s is also in action %s: Kanister's validation of blueprints, where it is switched on, wants names that differ",
					p.Name, a.Name, other))
			}
		}
	}
}

func (a *ExportAction) allPhases() []*ExportPhase {
	if a.Defer == nil {
		return a.Phases
	}
	return append(a.Phases[:len(a.Phases):len(a.Phases)], a.Defer)
}
