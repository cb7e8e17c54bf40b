package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func frame(body string) string {
	var out bytes.Buffer
	out.WriteString("Content-Length: ")
	b, _ := json.Marshal(len(body)) // A number can be written.
	out.Write(b)
	return out.String() + "\r\n\r\n" + body
}

func TestRead(t *testing.T) {
	c := NewConn(strings.NewReader(
		frame(`{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":1}}`)+
			"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"+frame(`{"method":"b"}`)+
			frame(`{"method":`)+
			frame(`[1]`)+
			frame(`{"id":"z","result":null}`)), io.Discard)
	m, err := c.Read()
	if err != nil || m.Method != "a" || string(m.ID) != "1" || string(m.Params) != `{"x":1}` || !m.IsRequest() {
		t.Errorf("the request: %+v, %v", m, err)
	}
	if m, err = c.Read(); err != nil || m.Method != "b" || m.IsRequest() {
		t.Errorf("the notification: %+v, %v", m, err)
	}
	for _, code := range []int{CodeParse, CodeInvalidRequest} {
		_, err = c.Read()
		if problem := (*Error)(nil); !errors.As(err, &problem) || problem.Code != code {
			t.Errorf("got %v, want an error with the code %d", err, code)
		}
	}
	if m, err = c.Read(); err != nil || m.Method != "" || string(m.ID) != `"z"` {
		t.Errorf("the answer: %+v, %v", m, err)
	}
	if _, err = c.Read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"Content-Length: x\r\n\r\n":          "expected a number",
		"Content-Length: -1\r\n\r\n":         "expected a number",
		"Content-Length: 99999999999\r\n\n":  "expected a number",
		"GET / HTTP/1.1\r\n\r\n":             "expected Content-Length",
		"Content-Length: 9\r\n\r\n{}":        "ended after 2",
		"Content-Length: 9\r\n":              "unexpected EOF",
		strings.Repeat("x", maxHeader) + "y": "header",
	} {
		_, err := NewConn(strings.NewReader(text), io.Discard).Read()
		if problem := (*Error)(nil); err == nil || errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", text, err, want)
		}
	}
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	c := NewConn(strings.NewReader(""), &out)
	for _, err := range []error{
		c.Reply(json.RawMessage("7"), nil, nil), c.Reply(nil, nil, Errorf(CodeParse, "no %s", "x")), c.Notify("m", []int{1}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := frame(`{"jsonrpc":"2.0","id":7,"result":null}`) + frame(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no x"}}`) +
		frame(`{"jsonrpc":"2.0","method":"m","params":[1]}`)
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(frame(`{"id":1,"method":"a"}`) + frame(`{}`)))
	f.Add([]byte("Content-Length: 3\r\n\r\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewConn(bytes.NewReader(data), io.Discard)
		for range len(data) + 1 {
			m, err := c.Read()
			problem := (*Error)(nil)
			if err != nil && !errors.As(err, &problem) {
				return
			}
			if err == nil && m.Method == "" && len(m.ID) == 0 {
				t.Fatalf("a message of nothing: %+v", m)
			}
		}
		t.Fatal("more messages than bytes")
	})
}
