package rbac

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/schema"
)

// A phase is one phase of an action, as far as it is known ahead.
type phase struct {
	name, function string
	args           map[string]any
	objects        map[string]any
}

// phases lists those of an action, the defer phase last.
func (a *action) phases() ([]phase, error) {
	at := a.value.LookupPath(cue.ParsePath("phases"))
	names, err := fields(at)
	if err != nil {
		return nil, err
	}
	var all []phase
	for _, name := range names {
		ph, err := readPhase(name, at.LookupPath(cue.MakePath(cue.Str(name))))
		if err != nil {
			return nil, fmt.Errorf("action %s: phase %s: %w", a.name, name, err)
		}
		all = append(all, ph)
	}
	if d := a.value.LookupPath(cue.ParsePath("deferPhase")); d.Exists() {
		ph, err := readPhase("deferPhase", d)
		if err != nil {
			return nil, fmt.Errorf("action %s: deferPhase: %w", a.name, err)
		}
		all = append(all, ph)
	}
	return all, nil
}

func readPhase(name string, v cue.Value) (phase, error) {
	function, err := v.LookupPath(cue.ParsePath("func")).String()
	if err != nil {
		return phase{}, cueError(err)
	}
	ph := phase{name: name, function: function, args: map[string]any{}, objects: map[string]any{}}
	if args, ok := known(v.LookupPath(cue.ParsePath("args"))).(map[string]any); ok {
		ph.args = args
	}
	if objects, ok := known(v.LookupPath(cue.ParsePath("objects"))).(map[string]any); ok {
		ph.objects = objects
	}
	return ph, nil
}

// known is what is known of a value: see access.Call.
func known(v cue.Value) any {
	written := v
	if d, ok := v.Default(); ok {
		v = d
	}
	switch v.IncompleteKind() {
	case cue.StructKind:
		return knownFields(v, written)
	case cue.ListKind:
		if list, ok := knownItems(v); ok {
			return list
		}
	}
	if !v.Exists() || v.Err() != nil || !v.IsConcrete() {
		return access.Unknown{Source: source(written)}
	}
	src, err := v.MarshalJSON()
	var value any
	if err != nil || json.Unmarshal(src, &value) != nil {
		return access.Unknown{Source: source(written)}
	}
	if text, ok := value.(string); ok && text != access.TargetNamespace && placeholder.MatchString(text) {
		return access.Unknown{Source: text}
	}
	return value
}

// placeholder finds what stands for the parts of the action's object: see objectOf.
var placeholder = regexp.MustCompile(`\((the namespace of the object|the object|a pod|a container|a claim)\)`)

func knownFields(v, written cue.Value) any {
	it, err := v.Fields()
	if err != nil {
		return access.Unknown{Source: source(written)}
	}
	fields := map[string]any{}
	for it.Next() {
		fields[it.Selector().Unquoted()] = known(it.Value())
	}
	return fields
}

func knownItems(v cue.Value) ([]any, bool) {
	it, err := v.List()
	if err != nil {
		return nil, false
	}
	items := []any{}
	for it.Next() {
		items = append(items, known(it.Value()))
	}
	return items, true
}

// source is the expression or the template that gives a value, empty if it is not the
// blueprint's own. A value is what the blueprint says, unified with what the schema does.
func source(v cue.Value) string {
	parts := append([]cue.Value{v}, operands(v, maxOperands)...)
	for _, part := range parts {
		if text, err := attribute(cue.Dereference(part)); err == nil {
			return text
		}
	}
	for _, part := range parts {
		if text := expression(part); text != "" {
			return text
		}
	}
	return ""
}

// maxOperands is how deep expressions are looked into.
const maxOperands = 4

// operands are the parts that a value is unified or chosen from.
func operands(v cue.Value, depth int) []cue.Value {
	op, parts := v.Expr()
	if depth == 0 || op != cue.AndOp && op != cue.OrOp {
		return nil
	}
	all := slices.Clone(parts)
	for _, part := range parts {
		all = append(all, operands(part, depth-1)...)
	}
	return all
}

// expression is what the blueprint has for a value, empty for what is the schema's.
func expression(v cue.Value) string {
	at := v.Source()
	if at == nil || schema.Owns(at.Pos().Filename()) {
		return ""
	}
	switch at := at.(type) {
	case *ast.Field:
		return written(at.Value)
	case ast.Expr:
		return written(at)
	}
	return ""
}

func attribute(v cue.Value) (string, error) {
	a := v.Attribute("gotmpl")
	if err := a.Err(); err != nil {
		return "", err
	}
	return a.String(0)
}

func written(e ast.Expr) string {
	src, err := format.Node(e)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(src)), " ")
}
