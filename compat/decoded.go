package compat

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/schema"
)

// SameDecoded says whether Kanister's functions read the same out of two rendered
// values of an argument with that constraint: digits and the number, a text and a
// list of just that, 1 and true.
func SameDecoded(a, b any, constraint cue.Value) bool {
	return reflect.DeepEqual(decodedAs(a, constraint), decodedAs(b, constraint))
}

func decodedAs(v any, constraint cue.Value) any {
	text, ok := v.(string)
	if ok && constraint.Exists() && constraint.IncompleteKind() == cue.BoolKind {
		if b, err := strconv.ParseBool(text); err == nil || text == "" {
			return decodedAs(b, cue.Value{})
		}
	}
	switch v := v.(type) {
	case bool:
		return map[bool]string{true: "1", false: "0"}[v]
	case json.Number:
		return v.String()
	case float64:
		return formatFloat(v)
	case []any:
		elem := elementOf(constraint)
		if len(v) == 1 {
			return decodedAs(v[0], elem)
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = decodedAs(v[i], elem)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			name, sub := subConstraint(constraint, k)
			out[name] = decodedAs(x, sub)
		}
		return out
	}
	return fmt.Sprint(v)
}

// elementOf is the constraint on the elements of a list; it may not exist.
func elementOf(list cue.Value) cue.Value {
	if !list.Exists() {
		return cue.Value{}
	}
	return schema.TypeOf(list).LookupPath(cue.MakePath(cue.AnyIndex))
}

// FitsValue is Fits for a value with lists and maps in it.
func FitsValue(v any, constraint cue.Value) bool {
	if !constraint.Exists() {
		return true
	}
	constraint = schema.TypeOf(constraint)
	switch v := v.(type) {
	case string:
		return Fits(v, constraint)
	case []any:
		elem := elementOf(constraint)
		for _, x := range v {
			if !FitsValue(x, elem) {
				return false
			}
		}
	case map[string]any:
		for k, x := range v {
			if _, sub := subConstraint(constraint, k); !FitsValue(x, sub) {
				return false
			}
		}
	}
	return true
}

// RenderedArg is one argument of a phase as Kanister's engine renders it. The
// conditions of Wait are rendered in their object references only.
func (e Engine) RenderedArg(p *BlueprintPhase, arg *Field, params *Params) (any, error) {
	if literalArg(p.Func, arg.Name) {
		return e.renderReferences(arg.Value.Any(), params)
	}
	return e.RenderValue(arg.Value.Any(), params)
}

func (e Engine) renderReferences(v any, p *Params) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			x, err := e.renderReferences(v[i], p)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			render := e.renderReferences
			if isObjectReference(k) {
				render = e.RenderValue
			}
			x, err := render(v[k], p)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	}
	return v, nil
}
