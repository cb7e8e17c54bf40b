package compat

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"text/template"
)

// conditionFuncs replace the comparisons of Go's templates, for which 3 and 3.0 are
// not to be compared: in an object that was JSON, every number is a float.
func conditionFuncs() template.FuncMap {
	return template.FuncMap{
		"eq": equalsAny,
		"ne": func(a, b any) (bool, error) {
			equal, err := equals(a, b)
			return !equal, err
		},
		"lt": func(a, b any) (bool, error) { return ordered(a, b, func(n int) bool { return n < 0 }) },
		"le": func(a, b any) (bool, error) { return ordered(a, b, func(n int) bool { return n <= 0 }) },
		"gt": func(a, b any) (bool, error) { return ordered(a, b, func(n int) bool { return n > 0 }) },
		"ge": func(a, b any) (bool, error) { return ordered(a, b, func(n int) bool { return n >= 0 }) },
	}
}

// equalsAny tells whether the first value equals one of the others.
func equalsAny(first any, others ...any) (bool, error) {
	if len(others) == 0 {
		return false, errors.New("missing argument for comparison")
	}
	for _, other := range others {
		if equal, err := equals(first, other); equal || err != nil {
			return equal, err
		}
	}
	return false, nil
}

// equals holds for no two values of which just one is missing.
func equals(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == nil && b == nil, nil
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() == reflect.Bool && y.Kind() == reflect.Bool {
		return x.Bool() == y.Bool(), nil
	}
	n, err := compareValues(x, y)
	return n == 0 && err == nil, err
}

func ordered(a, b any, holds func(int) bool) (bool, error) {
	if a == nil || b == nil {
		return false, &NotYet{Reason: "a value to compare is not there"}
	}
	n, err := compareValues(reflect.ValueOf(a), reflect.ValueOf(b))
	return err == nil && holds(n), err
}

// compareValues orders two numbers or two texts.
func compareValues(x, y reflect.Value) (int, error) {
	switch {
	case x.Kind() == reflect.String && y.Kind() == reflect.String:
		return cmp.Compare(x.String(), y.String()), nil
	case x.CanInt() && y.CanInt():
		return cmp.Compare(x.Int(), y.Int()), nil
	}
	f, ok := toFloat(x)
	g, both := toFloat(y)
	if !ok || !both {
		return 0, fmt.Errorf("incompatible types for comparison: %s and %s", typeName(x), typeName(y))
	}
	return cmp.Compare(f, g), nil
}

func toFloat(v reflect.Value) (f float64, ok bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

func typeName(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		return "a text"
	case v.Kind() == reflect.Bool:
		return "a boolean"
	case v.Kind() == reflect.Map:
		return "a map"
	case v.Kind() == reflect.Slice:
		return "a list"
	}
	if _, ok := toFloat(v); ok {
		return "a number"
	}
	return v.Type().String()
}

// exists tells whether index would find something: `exists .status "phase"`.
func exists(v any, keys ...any) bool {
	at := reflect.ValueOf(v)
	for _, key := range keys {
		if at = element(at, reflect.ValueOf(key)); !at.IsValid() {
			return false
		}
	}
	return true
}

// element is one step of index; an invalid value if there is nothing.
func element(at, key reflect.Value) reflect.Value {
	for at.Kind() == reflect.Interface {
		at = at.Elem()
	}
	switch at.Kind() {
	case reflect.Map:
		if key.IsValid() && key.Type().AssignableTo(at.Type().Key()) {
			return at.MapIndex(key)
		}
	case reflect.Slice:
		if i, ok := toFloat(key); ok && i >= 0 && int(i) < at.Len() {
			return at.Index(int(i))
		}
	}
	return reflect.Value{}
}

func base64decode(text string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		// Without the text, which may be a piece of a secret.
		return "", errors.New("the text is not base64")
	}
	return string(data), nil
}

// asDecoded turns integers into floats, as Go reads JSON by itself: that is what
// templates of kubectl see, and what their printf expects.
func asDecoded(v any) any {
	switch v := v.(type) {
	case map[string]any:
		fields := make(map[string]any, len(v))
		for k, f := range v {
			fields[k] = asDecoded(f)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = asDecoded(item)
		}
		return items
	case int64:
		return float64(v)
	}
	return v
}
