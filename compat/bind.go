package compat

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"

	"github.com/rescuecue/rescue/schema/suggest"
)

// binder fills Go structs from values that were read with their positions.
type binder struct {
	// anyCase matches the names of struct fields in any case, and takes the
	// fields of an embedded struct beside it too.
	anyCase bool
	errs    Errors
}

// bindTo fills target, a pointer, and returns an Errors if anything did not fit.
func (b *binder) bindTo(v *Value, target any) error {
	b.bind(v, reflect.ValueOf(target).Elem(), "")
	if len(b.errs) > 0 {
		return b.errs
	}
	return nil
}

// Kubernetes objects have more fields than these types, and templates that use
// them are rare: unknown fields are no mistake there.
var openTypes = map[reflect.Type]bool{
	reflect.TypeFor[Meta]():      true,
	reflect.TypeFor[Secret]():    true,
	reflect.TypeFor[ConfigMap](): true,
}

func (b *binder) bind(v *Value, target reflect.Value, path string) {
	if v.Kind == Null {
		return
	}
	switch target.Kind() {
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		b.bind(v, target.Elem(), path)
	case reflect.Interface:
		target.Set(reflect.ValueOf(v.Any()))
	case reflect.Struct:
		b.bindStruct(v, target, path)
	case reflect.Map:
		b.bindMap(v, target, path)
	case reflect.Slice:
		b.bindSlice(v, target, path)
	default:
		b.bindScalar(v, target, path)
	}
}

// want reports a value of another kind.
func (b *binder) want(v *Value, kind ValueKind, path string) bool {
	if v.Kind != kind {
		b.errs = append(b.errs, v.Errorf("%s must be %s, found %s", nameOf(path), kind, v.Kind))
	}
	return v.Kind == kind
}

func nameOf(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

func (b *binder) bindScalar(v *Value, target reflect.Value, path string) {
	switch target.Kind() {
	case reflect.String:
		if b.want(v, String, path) {
			target.SetString(v.Str)
		}
	case reflect.Bool:
		if b.want(v, Bool, path) {
			target.SetBool(v.Bool)
		}
	default:
		if b.want(v, Int, path) {
			target.SetInt(v.Int)
		}
	}
}

func (b *binder) bindStruct(v *Value, target reflect.Value, path string) {
	if !b.want(v, Map, path) {
		return
	}
	names := b.fieldNames(target.Type())
	given := map[string]bool{}
	for _, f := range v.Fields {
		name, index := b.field(target.Type(), f.Name)
		switch {
		case index == nil && !openTypes[target.Type()]:
			b.unknown(f, path, names)
		case index == nil:
		case given[name]:
			b.errs = append(b.errs, f.errorf("%s is given twice", joinPath(path, name)))
		default:
			given[name] = true
			b.bind(f.Value, target.FieldByIndex(index), joinPath(path, f.Name))
		}
	}
}

func (b *binder) unknown(f *Field, path string, names []string) {
	what := joinPath(path, f.Name) + " is not known"
	if near := suggest.Nearest(f.Name, names); near != "" {
		b.errs = append(b.errs, f.errorf("%s", what).hint("did you mean %s?", near))
		return
	}
	b.errs = append(b.errs, f.errorf("%s", what).hint("%s has %s", nameOf(path), strings.Join(names, ", ")))
}

// field finds the struct's field for a name.
func (b *binder) field(t reflect.Type, name string) (string, []int) {
	for _, f := range reflect.VisibleFields(t) {
		if len(f.Index) > 1 && !b.anyCase {
			continue
		}
		own := jsonName(f)
		if own == name || b.anyCase && strings.EqualFold(own, name) {
			return own, f.Index
		}
	}
	return "", nil
}

func (b *binder) fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		names = append(names, jsonName(t.Field(i)))
	}
	return names
}

// jsonName is the name of a field in JSON.
func jsonName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}

func (b *binder) bindMap(v *Value, target reflect.Value, path string) {
	if !b.want(v, Map, path) {
		return
	}
	m := reflect.MakeMapWithSize(target.Type(), len(v.Fields))
	for _, f := range v.Fields {
		elem := reflect.New(target.Type().Elem()).Elem()
		b.bind(f.Value, elem, joinPath(path, f.Name))
		m.SetMapIndex(reflect.ValueOf(f.Name), elem)
	}
	target.Set(m)
}

func (b *binder) bindSlice(v *Value, target reflect.Value, path string) {
	if target.Type().Elem().Kind() == reflect.Uint8 {
		b.bindBytes(v, target, path)
		return
	}
	if !b.want(v, List, path) {
		return
	}
	s := reflect.MakeSlice(target.Type(), len(v.Items), len(v.Items))
	for i, item := range v.Items {
		b.bind(item, s.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	target.Set(s)
}

func (b *binder) bindBytes(v *Value, target reflect.Value, path string) {
	if !b.want(v, String, path) {
		return
	}
	data, err := base64.StdEncoding.DecodeString(v.Str)
	if err != nil {
		b.errs = append(b.errs, v.Errorf("%s must be base64: %v", path, err))
		return
	}
	target.SetBytes(data)
}
