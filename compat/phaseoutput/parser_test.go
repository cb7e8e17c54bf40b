package phaseoutput

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse feeds src in pieces of size bytes; 0 means all at once.
func parse(t *testing.T, p *Parser, src string, size int) {
	t.Helper()
	if size == 0 {
		size = max(len(src), 1)
	}
	for len(src) > 0 {
		piece := src[:min(size, len(src))]
		if n, err := p.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write of %d bytes returned %d, %v", len(piece), n, err)
		}
		src = src[len(piece):]
	}
}

func TestParser(t *testing.T) {
	out := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	tests := []struct {
		name, src string
		outputs   map[string]string
		text      []string
		err       string
	}{
		{name: "nothing"},
		{name: "text only", src: "one\n\n two\r\n\r\nthree", text: []string{"one", " two", "three"}},
		{name: "output", src: Marker + ` {"key":"a","value":"b"}` + "\n", outputs: out("a", "b")},
		{name: "no line end", src: Marker + ` {"key":"a","value":"b"}`, outputs: out("a", "b")},
		{name: "no space", src: Marker + `{"key":"a","value":"b"}` + "\n", outputs: out("a", "b")},
		{name: "marker in mid-line", src: "20% done " + Marker + `{"key":"a","value":"b"}` + "\nbye\n",
			outputs: out("a", "b"), text: []string{"20% done ", "bye"}},
		{name: "CRLF", src: "x\r\n" + Marker + ` {"key":"a","value":"b"}` + "\r\ny\r\n",
			outputs: out("a", "b"), text: []string{"x", "y"}},
		{name: "last wins", src: Marker + `{"key":"a","value":"1"}` + "\n" + Marker + `{"key":"a","value":"2"}`,
			outputs: out("a", "2")},
		{name: "empty object", src: Marker + "{}\n", outputs: out("", "")},
		{name: "unknown member", src: Marker + `{"key":"a","value":"b","more":[1]}`, outputs: out("a", "b")},
		{name: "bare marker", src: "x " + Marker + "\n" + Marker + "  \r\n", text: []string{"x "}},
		{name: "marker within a value", src: Marker + `{"key":"a","value":"` + Marker + `{}"}`, outputs: out("a", Marker+"{}")},
		{name: "almost a marker", src: "###Phase-output##\n####Phase-output###:{}\n",
			outputs: out("", ""), text: []string{"###Phase-output##", "#"}},
		{name: "two markers", src: "\n" + Marker + `{"key":"a","value":"b"}` + Marker + `{"key":"c","value":"d"}` + "\nlog\n",
			text: []string{"log"}, err: "line 2 of the command's output: two outputs on one line; each needs a line of its own"},
		{name: "trailing text", src: Marker + `{"key":"a","value":"b"} done`,
			err: "line 1 of the command's output: text after the output; the line must end with its JSON object"},
		{name: "number", src: Marker + `{"key":"a","value":15}`,
			err: "line 1 of the command's output: the value of an output must be a string, found number"},
		{name: "object", src: Marker + `{"key":"a","value":{"b":1}}`,
			err: "line 1 of the command's output: the value of an output must be a string, found object"},
		{name: "array", src: Marker + `["a"]`,
			err: `line 1 of the command's output: an output must be a JSON object with "key" and "value", found array`},
		{name: "not JSON", src: Marker + ` key=value`,
			err: "line 1 of the command's output: what follows the marker is not a JSON object"},
		{name: "the first error counts", src: Marker + "x\n" + Marker + `{"key":1}` + "\n" + Marker + `{"key":"a"}`,
			err: "line 1 of the command's output: what follows the marker is not a JSON object"},
	}
	for _, tt := range tests {
		for _, size := range []int{0, 1, 2, 7, 64 << 10} {
			t.Run(tt.name, func(t *testing.T) {
				var text []string
				p := NewParser(func(line string) { text = append(text, line) })
				parse(t, p, tt.src, size)
				outputs, err := p.Finish()
				if msg := errorText(err); msg != tt.err {
					t.Errorf("in pieces of %d: error %q, expected %q", size, msg, tt.err)
				}
				if d := cmp.Diff(tt.outputs, outputs); d != "" {
					t.Errorf("in pieces of %d: outputs (-expected +got):\n%s", size, d)
				}
				if d := cmp.Diff(tt.text, text); d != "" {
					t.Errorf("in pieces of %d: text (-expected +got):\n%s", size, d)
				}
			})
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLongLines(t *testing.T) {
	value := strings.Repeat("päckchen ", 200_000)
	text := strings.Repeat("é", maxText)
	var line bytes.Buffer
	if err := Write(&line, "big", value); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1000, 32 << 10} {
		var pieces []string
		p := NewParser(func(s string) { pieces = append(pieces, s) })
		parse(t, p, "x"+text+line.String(), size)
		outputs, err := p.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if outputs["big"] != value {
			t.Errorf("in pieces of %d: the value has %d bytes, expected %d", size, len(outputs["big"]), len(value))
		}
		if strings.Join(pieces, "") != "x"+text {
			t.Errorf("in pieces of %d: the text before the output changed", size)
		}
		if len(pieces) != 3 || len(pieces[0]) != maxText-1 && len(pieces[0]) != maxText {
			t.Errorf("in pieces of %d: text came in %d pieces, the first of %d bytes", size, len(pieces), len(pieces[0]))
		}
	}
}

func TestOutputTooLong(t *testing.T) {
	var text []string
	p := NewParser(func(s string) { text = append(text, s) })
	p.maxOutput = 100
	parse(t, p, Marker+`{"key":"a","value":"`+strings.Repeat("x", 200)+"\"}\nlog\n", 9)
	_, err := p.Finish()
	if want := "line 1 of the command's output: the output is longer than 100 bytes"; errorText(err) != want {
		t.Errorf("error %q, expected %q", errorText(err), want)
	}
	if d := cmp.Diff([]string{"log"}, text); d != "" {
		t.Errorf("text (-expected +got):\n%s", d)
	}
}

func TestErrorsHideValues(t *testing.T) {
	const secret = "hunter2"
	for _, src := range []string{
		Marker + `{"key":"a","value":"` + secret,
		Marker + `{"key":"a","value":"x"}` + secret,
		Marker + `{"key":"a","value":["` + secret + `"]}`,
		Marker + secret,
	} {
		p := NewParser(nil)
		parse(t, p, src, 0)
		if _, err := p.Finish(); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error %v", src, err)
		}
	}
}

func TestMemoryWithoutLineEnds(t *testing.T) {
	p := NewParser(nil)
	piece := bytes.Repeat([]byte("#"), 10_000)
	for range 100 {
		if _, err := p.Write(piece); err != nil {
			t.Fatal(err)
		}
		if len(p.buf) > maxText+len(Marker) {
			t.Fatalf("%d bytes are kept of an endless line", len(p.buf))
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add("a\n"+Marker+`{"key":"a","value":"b"}`+"\r\n", 3)
	f.Add("x "+Marker+`{}`+Marker, 20)
	f.Add(strings.Repeat("ü", 40)+Marker+"{", 1)
	f.Fuzz(func(t *testing.T, src string, size int) {
		if size < 0 {
			size = -(size + 1)
		}
		run := func(size int) (text []string, outputs map[string]string, err error) {
			p := NewParser(func(s string) { text = append(text, s) })
			p.maxText, p.maxOutput = 32, 200
			parse(t, p, src, size)
			outputs, err = p.Finish()
			return text, outputs, err
		}
		text, outputs, err := run(1)
		text2, outputs2, err2 := run(size)
		if d := cmp.Diff(text, text2); d != "" {
			t.Errorf("text depends on how the stream is cut:\n%s", d)
		}
		if d := cmp.Diff(outputs, outputs2); d != "" {
			t.Errorf("outputs depend on how the stream is cut:\n%s", d)
		}
		if errorText(err) != errorText(err2) {
			t.Errorf("the error depends on how the stream is cut: %v, %v", err, err2)
		}
	})
}

func BenchmarkParserText(b *testing.B) {
	src := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 10_000)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		p := NewParser(nil)
		for s := src; len(s) > 0; s = s[min(32<<10, len(s)):] {
			if _, err := p.Write(s[:min(32<<10, len(s))]); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := p.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}
