package funcs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Args are the arguments of a call as the interpreter hands them over: concrete,
// and checked against the function's schema.
type Args map[string]any

// Decode fills the function's own argument struct, whose json tags are the names
// of the schema. An argument that the struct does not have is an error: schema
// and function would disagree.
func (a Args) Decode(target any) error {
	src, err := json.Marshal(map[string]any(a))
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.DisallowUnknownFields()
	err = dec.Decode(target)
	if typ := (*json.UnmarshalTypeError)(nil); errors.As(err, &typ) {
		return fmt.Errorf("argument %s: found %s, expected %s", typ.Field, typ.Value, typ.Type)
	}
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	return nil
}
