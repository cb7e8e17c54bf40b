package compat

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema/suggest"
)

// maxListed limits how many names a message lists.
const maxListed = 12

// explainMissing rewrites the message about a chain of fields, such as
// .Options.foo, that leads nowhere. Where text/template complains of something
// else than what the parameters lack, the template has another dot there, and
// the message stays.
func (e *TemplateError) explainMissing(chain string, p *Params) {
	v, at := reflect.ValueOf(*p), ""
	for _, name := range strings.Split(chain, ".")[1:] {
		for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		next, names := member(v, name)
		if !next.IsValid() {
			e.explainMember(v, at, name, names, p)
			return
		}
		v, at = next, at+"."+name
	}
}

// explainMember is about a name that v, which stands at the path at, has not.
func (e *TemplateError) explainMember(v reflect.Value, at, name string, names []string, p *Params) {
	switch {
	case !v.IsValid() && strings.HasPrefix(e.Msg, "nil ") && strings.Contains(e.Msg, name):
		e.Msg, e.Hint = at+" is not set", unsetHint(at, p)
	case v.Kind() == reflect.Map && e.Msg == fmt.Sprintf("map has no entry for key %q", name):
		e.Msg, e.Hint = fmt.Sprintf("%q not found in %s", name, at), memberHint(at, name, names)
	case v.Kind() != reflect.Struct || !isFieldError(e.Msg, name, v.Type()):
	case at == "":
		e.Msg, e.Hint = "there is no parameter ."+name, parameterHint(name, names)
	default:
		e.Msg, e.Hint = fmt.Sprintf("%q not found in %s", name, at), memberHint(at, name, names)
	}
}

func isFieldError(msg, name string, t reflect.Type) bool {
	rest, ok := strings.CutPrefix(msg, fmt.Sprintf("can't evaluate field %s in type ", name))
	return ok && strings.TrimPrefix(rest, "*") == t.String()
}

// member looks a name up as text/template does, and lists what there is.
func member(v reflect.Value, name string) (reflect.Value, []string) {
	switch v.Kind() {
	case reflect.Struct:
		return v.FieldByName(name), fieldNames(v.Type())
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return reflect.Value{}, nil
		}
		var names []string
		for _, k := range v.MapKeys() {
			names = append(names, k.String())
		}
		slices.Sort(names)
		return v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key())), names
	}
	return reflect.Value{}, nil
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			names = append(names, f.Name)
		}
	}
	return names
}

func memberHint(at, name string, names []string) string {
	if near := suggest.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(names) == 0 {
		return at + " is empty"
	}
	more := ""
	if len(names) > maxListed {
		more = fmt.Sprintf(" and %d more", len(names)-maxListed)
		names = names[:maxListed]
	}
	return at + " has " + strings.Join(names, ", ") + more
}

func parameterHint(name string, names []string) string {
	if near := suggest.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean .%s?", near)
	}
	return "there are ." + strings.Join(names, ", .")
}

// unsetHint names the object that the action does run on.
func unsetHint(at string, p *Params) string {
	set := map[string]bool{
		".Deployment": p.Deployment != nil, ".StatefulSet": p.StatefulSet != nil,
		".DeploymentConfig": p.DeploymentConfig != nil, ".PVC": p.PVC != nil, ".Namespace": p.Namespace != nil,
	}
	if _, kind := set[at]; !kind {
		return ""
	}
	for name, is := range set {
		if is {
			return "this action runs on a " + name[1:]
		}
	}
	return "this action runs on no object of that kind"
}
