package compat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// valueOf makes a Value, without positions, of a tree that Kubernetes' client has
// decoded.
func valueOf(x any) *Value {
	v := &Value{}
	switch x := x.(type) {
	case nil:
	case string:
		v.Kind, v.Str = String, x
	case bool:
		v.Kind, v.Bool, v.Str = Bool, x, strconv.FormatBool(x)
	case int64:
		v.Kind, v.Int, v.Str = Int, x, strconv.FormatInt(x, 10)
	case int:
		return valueOf(int64(x))
	case float64:
		v.Kind, v.Float, v.Str = Float, x, strconv.FormatFloat(x, 'g', -1, 64)
	case json.Number:
		return valueOfNumber(x)
	case []any:
		v.Kind = List
		for _, item := range x {
			v.Items = append(v.Items, valueOf(item))
		}
	case map[string]any:
		v.Kind = Map
		for _, name := range slices.Sorted(maps.Keys(x)) {
			v.Fields = append(v.Fields, &Field{Name: name, Value: valueOf(x[name])})
		}
	default:
		v.Kind, v.Str = String, fmt.Sprint(x)
	}
	return v
}

func valueOfNumber(n json.Number) *Value {
	if i, err := n.Int64(); err == nil {
		return valueOf(i)
	}
	if f, err := n.Float64(); err == nil {
		return valueOf(f)
	}
	return valueOf(n.String())
}
