package compat

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// RenderValue renders a tree of JSON values: every string, and in maps the keys
// too. Numbers and booleans pass through; what was rendered stays text. A null is
// an error. Of several errors all are returned, each with the path of its value.
func (e Engine) RenderValue(v any, p *Params) (any, error) {
	return e.renderAt("", v, p)
}

// RenderArgs renders the arguments of a phase: their values, not their names.
func (e Engine) RenderArgs(args map[string]any, p *Params) (map[string]any, error) {
	out := make(map[string]any, len(args))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(args)) {
		v, err := e.renderAt(name, args[name], p)
		errs = append(errs, err)
		out[name] = v
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func (e Engine) renderAt(path string, v any, p *Params) (any, error) {
	switch v := v.(type) {
	case string:
		text, err := e.Render(v, p)
		return text, atPath(err, path)
	case []any:
		return e.renderList(path, v, p)
	case map[string]any:
		return e.renderMap(path, v, p)
	case bool, json.Number,
		int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return v, nil
	case nil:
		return nil, &TemplateError{Path: path, Msg: `null is not allowed; write "" for an empty text, or leave it out`}
	}
	return nil, &TemplateError{Path: path, Msg: fmt.Sprintf("a value of type %T cannot be rendered", v)}
}

func (e Engine) renderList(path string, list []any, p *Params) (any, error) {
	out := make([]any, len(list))
	var errs []error
	for i, item := range list {
		v, err := e.renderAt(path+"["+strconv.Itoa(i)+"]", item, p)
		errs = append(errs, err)
		out[i] = v
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func (e Engine) renderMap(path string, m map[string]any, p *Params) (any, error) {
	out := make(map[string]any, len(m))
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(m)) {
		at := joinPath(path, key)
		name, err := e.Render(key, p)
		errs = append(errs, atPath(err, at))
		v, err := e.renderAt(at, m[key], p)
		errs = append(errs, err)
		// The name is not shown: it may have been rendered from a secret.
		if _, taken := out[name]; taken && err == nil {
			errs = append(errs, &TemplateError{Path: at, Msg: "two keys of this map render to the same text"})
		}
		out[name] = v
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
