package phaseoutput

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	tests := []struct{ key, value, want, err string }{
		{key: "backup_ID1", value: "a/b", want: Marker + ` {"key":"backup_ID1","value":"a/b"}` + "\n"},
		{key: "multi", value: "a\nb\"", want: Marker + ` {"key":"multi","value":"a\nb\""}` + "\n"},
		{key: "empty", value: "", want: Marker + ` {"key":"empty","value":""}` + "\n"},
		{key: "", value: "x", err: "an output needs a key"},
		{key: "a-b", value: "x", err: `output key "a-b" holds '-'; letters, digits and underscores are allowed`},
		{key: "é", value: "x", err: `output key "é" holds 'é'; letters, digits and underscores are allowed`},
		{key: "bin", value: "a\xff", err: "output bin: the value is not UTF-8 text; encode it, with base64 for example"},
	}
	for _, tt := range tests {
		var w bytes.Buffer
		err := Write(&w, tt.key, tt.value)
		if errorText(err) != tt.err || w.String() != tt.want {
			t.Errorf("Write(%q, %q) wrote %q, error %q; expected %q, error %q",
				tt.key, tt.value, w.String(), errorText(err), tt.want, tt.err)
		}
	}
}

func TestWriteThenParse(t *testing.T) {
	values := map[string]string{"a": "<&>\u2028", "b": "line\r\nline\n", "c": Marker, "d": "\x00"}
	p := NewParser(nil)
	for k, v := range values {
		if err := Write(p, k, v); err != nil {
			t.Fatal(err)
		}
	}
	got, err := p.Finish()
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range values {
		if got[k] != v {
			t.Errorf("%s came back as %q, expected %q", k, got[k], v)
		}
	}
}

func TestWriteTooLong(t *testing.T) {
	var w bytes.Buffer
	const want = "output big: the value has 67108865 bytes, which is too long for an output"
	if err := Write(&w, "big", strings.Repeat("x", MaxSize+1)); errorText(err) != want || w.Len() > 0 {
		t.Errorf("wrote %d bytes, error %q", w.Len(), errorText(err))
	}
}
