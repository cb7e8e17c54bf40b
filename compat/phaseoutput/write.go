package phaseoutput

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Write prints one output as a line of its own.
func Write(w io.Writer, key, value string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("output %s: the value is not UTF-8 text; encode it, with base64 for example", key)
	}
	src, err := encode(key, value)
	if err != nil {
		return fmt.Errorf("output %s: %w", key, err)
	}
	// One write, so that lines of processes that share a pipe do not mix.
	_, err = fmt.Fprintf(w, "%s %s\n", Marker, src)
	return err
}

func encode(key, value string) ([]byte, error) {
	tooLong := fmt.Errorf("the value has %d bytes, which is too long for an output", len(value))
	if len(value) > MaxSize {
		return nil, tooLong
	}
	src, err := json.Marshal(record{Key: key, Value: value})
	if err == nil && len(src) > MaxSize { // it grew by escapes
		err = tooLong
	}
	return src, err
}

// CheckKey says whether key can name an output: letters, digits and underscores.
// The parser does not ask this, since commands may print the line themselves.
func CheckKey(key string) error {
	if key == "" {
		return errors.New("an output needs a key")
	}
	for _, r := range key {
		if !isKeyRune(r) {
			return fmt.Errorf("output key %q holds %q; letters, digits and underscores are allowed", key, r)
		}
	}
	return nil
}

func isKeyRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
