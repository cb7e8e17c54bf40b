package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// parseJSON reads a JSON text with the positions of its values. YAML's reader
// would not do: it refuses tabs and does not join surrogates.
func parseJSON(file string, src []byte) (*Value, error) {
	src = bytes.TrimPrefix(src, []byte("\uFEFF"))
	r := &jsonReader{src: src, source: &source{file: file}, dec: json.NewDecoder(bytes.NewReader(src)), line: 1, column: 1}
	r.dec.UseNumber()
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		return nil, r.errorHere("text after the end of the JSON value")
	}
	return v, nil
}

type jsonReader struct {
	src    []byte
	source *source
	dec    *json.Decoder
	// Of the last token: where it starts.
	offset, line, column int
}

// next reads a token and notes where it starts.
func (r *jsonReader) next() (json.Token, error) {
	start := int(r.dec.InputOffset())
	for start < len(r.src) && bytes.IndexByte([]byte(" \t\r\n,:"), r.src[start]) >= 0 {
		start++
	}
	r.moveTo(start)
	return r.dec.Token()
}

func (r *jsonReader) moveTo(offset int) {
	skipped := r.src[r.offset:offset]
	if n := bytes.Count(skipped, []byte("\n")); n > 0 {
		r.line += n
		r.column = 1
		skipped = skipped[bytes.LastIndexByte(skipped, '\n')+1:]
	}
	r.column += utf8.RuneCount(skipped)
	r.offset = offset
}

func (r *jsonReader) errorHere(format string, args ...any) *Error {
	return errorAt(r.source.file, r.line, r.column, format, args...)
}

// problem is the decoder's error where it found it.
func (r *jsonReader) problem(err error) *Error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		if at := int(syntax.Offset) - 1; at > r.offset {
			r.moveTo(min(at, len(r.src)))
		}
		return r.errorHere("not valid JSON: %v", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.moveTo(len(r.src))
		return r.errorHere("not valid JSON: it ends too early")
	}
	return r.errorHere("not valid JSON: %v", err)
}

func (r *jsonReader) value(depth int) (*Value, error) {
	token, err := r.next()
	if err != nil {
		return nil, r.problem(err)
	}
	v := &Value{Line: r.line, Column: r.column, src: r.source}
	if depth > maxDepth {
		return nil, v.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return v, r.list(v, depth)
		}
		return v, r.fields(v, depth)
	case string:
		v.Kind, v.Style, v.Str = String, DoubleQuoted, t
	case bool:
		v.Kind, v.Str, v.Bool = Bool, strconv.FormatBool(t), t
	case json.Number:
		return v, v.jsonNumber(t)
	}
	return v, nil
}

func (v *Value) jsonNumber(n json.Number) error {
	v.Str = n.String()
	if i, err := n.Int64(); err == nil {
		v.Kind, v.Int = Int, i
		return nil
	}
	f, err := n.Float64()
	if err != nil {
		return v.Errorf("the number %s is out of range", n)
	}
	v.Kind, v.Float = Float, f
	return nil
}

func (r *jsonReader) list(v *Value, depth int) error {
	v.Kind, v.Style = List, Flow
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
	return r.end()
}

func (r *jsonReader) fields(v *Value, depth int) error {
	v.Kind, v.Style = Map, Flow
	seen := map[string]bool{}
	for r.dec.More() {
		key, err := r.next()
		if err != nil {
			return r.problem(err)
		}
		f := &Field{Name: key.(string), Line: r.line, Column: r.column}
		if seen[f.Name] {
			return r.errorHere("%q is given twice", f.Name)
		}
		seen[f.Name] = true
		if f.Value, err = r.value(depth + 1); err != nil {
			return err
		}
		v.Fields = append(v.Fields, f)
	}
	return r.end()
}

// end reads the closing bracket.
func (r *jsonReader) end() error {
	if _, err := r.next(); err != nil {
		return r.problem(err)
	}
	return nil
}
