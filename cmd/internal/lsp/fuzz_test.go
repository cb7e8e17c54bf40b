package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
)

// session writes messages as a client sends them.
func session(messages ...any) []byte {
	var out bytes.Buffer
	for i, m := range messages {
		body, err := json.Marshal(m)
		if err != nil {
			panic(fmt.Sprintf("message %d: %v", i, err))
		}
		fmt.Fprintf(&out, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	return out.Bytes()
}

func request(id int, method string, params any) any {
	return map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params}
}

func notification(method string, params any) any {
	return map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
}

// questions asks all there is to ask at a place of a text that was just opened.
func questions(name, text string, line, character int) []byte {
	uri := "file:///nowhere/" + name
	at := positionParams{documentID{uri}, position{line, character}}
	messages := []any{
		request(0, "initialize", initializeParams{}),
		notification("textDocument/didOpen", didOpenParams{documentItem{URI: uri, Version: 1, Text: text}}),
	}
	for i, method := range []string{"textDocument/hover", "textDocument/completion", "textDocument/definition", "textDocument/documentSymbol"} {
		messages = append(messages, request(i+1, method, at))
	}
	whole := textRange{End: position{1 << 30, 0}}
	return session(append(messages, request(9, "textDocument/codeAction", codeActionParams{documentID{uri}, whole}))...)
}

// FuzzMessages sends any bytes. The server must end with its input, and must not panic:
// what panics in a request would be answered as an internal error.
func FuzzMessages(f *testing.F) {
	f.Add(questions("a.cue", "a: {", 0, 3))
	f.Add(session(request(1, "initialize", nil), notification("textDocument/didChange", didChangeParams{})))
	f.Fuzz(func(t *testing.T, data []byte) { answers(t, data) })
}

// FuzzQuestions asks at any place of any text.
func FuzzQuestions(f *testing.F) {
	for _, pattern := range []string{"yaml/*.yaml", "cue/*.cue"} {
		paths, err := filepath.Glob(filepath.Join("../../../interp/vet/testdata", pattern))
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds match %s: %v", pattern, err)
		}
		for i, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if i%8 == 0 { // Each seed is asked in every run of the tests.
				f.Add(filepath.Ext(path) == ".cue", string(text), 10, 12)
			}
		}
	}
	f.Fuzz(func(t *testing.T, cue bool, text string, line, character int) {
		name := "bp.yaml"
		if cue {
			name = "bp.cue"
		}
		for _, reply := range answers(t, questions(name, text, line, character)) {
			if reply.Error != nil {
				t.Fatalf("%q at %d:%d: %s", text, line, character, reply.Error.Message)
			}
		}
	})
}

// TestEveryPlace asks at every place of two blueprints.
func TestEveryPlace(t *testing.T) {
	for name, text := range map[string]string{"bp.yaml": inYAML("    - func: KubeTask", ""), "bp.cue": inCUE("x: {func: \"Wait\"}", "")} {
		var all []any
		for n, line := range strings.Split(text, "\n") {
			for c := range len(line) + 1 {
				at := positionParams{documentID{"file:///nowhere/" + name}, position{n, c}}
				all = append(all, request(1, "textDocument/completion", at), request(2, "textDocument/hover", at), request(3, "textDocument/definition", at))
			}
		}
		open := []any{request(0, "initialize", initializeParams{}), notification("textDocument/didOpen", didOpenParams{documentItem{URI: "file:///nowhere/" + name, Text: text}})}
		for _, reply := range answers(t, session(append(open, all...)...)) {
			if reply.Error != nil {
				t.Fatalf("%s: %s", name, reply.Error.Message)
			}
		}
	}
}

type answer struct {
	ID    int
	Error *struct{ Message string }
}

// answers runs a server over what a client sends, without its background work, and returns
// what it answers. An internal error fails the test.
func answers(t *testing.T, data []byte) []answer {
	t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	s := &Server{
		conn: rpc.NewConn(bytes.NewReader(data), &out), checker: newChecker(ended),
		docs: map[string]*document{}, found: map[string]map[string]found{}, shown: map[string]checked{},
	}
	s.checker.wait()
	for done := false; !done; {
		m, err := s.conn.Read()
		if done, err = s.receive(ended, incoming{m, err}); err == nil && done && !s.shutdown {
			t.Fatal("an orderly end without shutdown")
		}
	}
	var all []answer
	for frames := out.Bytes(); len(frames) > 0; {
		var length int
		if _, err := fmt.Fscanf(bytes.NewReader(frames), "Content-Length: %d\r\n", &length); err != nil {
			t.Fatalf("no frame: %v: %.60q", err, frames)
		}
		start := bytes.Index(frames, []byte("\r\n\r\n")) + 4
		body := frames[start : start+length]
		frames = frames[start+length:]
		if bytes.Contains(body, []byte("internal error")) {
			t.Fatalf("%.300s", body)
		}
		var a answer
		if err := json.Unmarshal(body, &a); err == nil {
			all = append(all, a)
		} else if !errors.Is(err, io.EOF) && bytes.Contains(body, []byte(`"id":0`)) {
			t.Fatal(err)
		}
	}
	return all
}
