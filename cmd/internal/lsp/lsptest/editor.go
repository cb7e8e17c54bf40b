// Package lsptest drives a language server as an editor does, by a client library that is
// not ours. It is for tests.
package lsptest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
	"go.uber.org/zap"
)

// patience is how long an answer may take on the slowest machine; no test waits for it to
// pass.
const patience = 2 * time.Minute

// An Editor is a client of a server.
type Editor struct {
	protocol.Server
	Conn jsonrpc2.Conn

	t           *testing.T
	diagnostics chan protocol.PublishDiagnosticsParams
	logs        chan string
}

// New connects to a server through the two ends that it reads from and writes to.
func New(t *testing.T, toServer io.WriteCloser, fromServer io.ReadCloser) *Editor {
	e := &Editor{t: t, diagnostics: make(chan protocol.PublishDiagnosticsParams, 1000), logs: make(chan string, 1000)}
	stream := jsonrpc2.NewStream(twoWay{fromServer, toServer})
	_, e.Conn, e.Server = protocol.NewClient(context.Background(), receiver{editor: e}, stream, zap.NewNop())
	t.Cleanup(func() {
		if err := e.Conn.Close(); err != nil {
			t.Logf("closing the connection: %v", err)
		}
		<-e.Conn.Done()
	})
	return e
}

type twoWay struct {
	io.ReadCloser
	toServer io.WriteCloser
}

func (c twoWay) Write(p []byte) (int, error) { return c.toServer.Write(p) }

func (c twoWay) Close() error {
	err := c.toServer.Close()
	if e := c.ReadCloser.Close(); err == nil {
		err = e
	}
	return err
}

// receiver takes what the server sends of its own accord.
type receiver struct {
	protocol.Client
	editor *Editor
}

func (r receiver) PublishDiagnostics(_ context.Context, p *protocol.PublishDiagnosticsParams) error {
	r.editor.diagnostics <- *p
	return nil
}

func (r receiver) LogMessage(_ context.Context, p *protocol.LogMessageParams) error {
	r.editor.logs <- p.Message
	return nil
}

// Context ends before the test does.
func (e *Editor) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	e.t.Cleanup(cancel)
	return ctx
}

// Start does the handshake. processID is what the server is told of its parent.
func (e *Editor) Start(processID int) *protocol.InitializeResult {
	e.t.Helper()
	result, err := e.Initialize(e.Context(), &protocol.InitializeParams{ProcessID: int32(processID)})
	if err != nil {
		e.t.Fatalf("initialize: %v", err)
	}
	if err := e.Initialized(e.Context(), &protocol.InitializedParams{}); err != nil {
		e.t.Fatal(err)
	}
	return result
}

// Open opens a file with a text.
func (e *Editor) Open(path, language, text string) {
	e.t.Helper()
	err := e.DidOpen(e.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
		URI: uri.File(path), LanguageID: protocol.LanguageIdentifier(language), Version: 1, Text: text,
	}})
	if err != nil {
		e.t.Fatal(err)
	}
}

// Change replaces a part of an open file.
func (e *Editor) Change(path string, version int32, at protocol.Range, text string) {
	e.t.Helper()
	err := e.DidChange(e.Context(), &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: Document(path), Version: version},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{{Range: at, Text: text}},
	})
	if err != nil {
		e.t.Fatal(err)
	}
}

// Await returns the first findings of a file that fit; the test fails if none come.
func (e *Editor) Await(path string, fits func([]protocol.Diagnostic) bool) []protocol.Diagnostic {
	e.t.Helper()
	last := "none"
	timeout := time.After(patience)
	for {
		select {
		case p := <-e.diagnostics:
			if p.URI != uri.File(path) {
				continue
			}
			if fits(p.Diagnostics) {
				return p.Diagnostics
			}
			last = describe(p.Diagnostics)
		case log := <-e.logs:
			e.t.Errorf("the server says: %s", log)
		case <-timeout:
			e.t.Fatalf("no fitting findings for %s; the last were: %s", path, last)
		}
	}
}

func describe(list []protocol.Diagnostic) string {
	var lines []string
	for _, d := range list {
		lines = append(lines, fmt.Sprintf("%d:%d %v %s", d.Range.Start.Line, d.Range.Start.Character, d.Code, d.Message))
	}
	return fmt.Sprintf("%d findings\n%s", len(list), strings.Join(lines, "\n"))
}

// Rules fits findings of just these rules, in this order.
func Rules(rules ...string) func([]protocol.Diagnostic) bool {
	return func(list []protocol.Diagnostic) bool {
		var found []string
		for _, d := range list {
			found = append(found, fmt.Sprint(d.Code))
		}
		return strings.Join(found, " ") == strings.Join(rules, " ")
	}
}

// Document names an open file.
func Document(path string) protocol.TextDocumentIdentifier {
	return protocol.TextDocumentIdentifier{URI: uri.File(path)}
}

// At is a place in a file: the first one of a text, or if the text has a mark ¦, the place of
// that. Lines and columns are found as editors do, in UTF-16.
func At(t *testing.T, content, text string) protocol.Position {
	t.Helper()
	before, after, marked := strings.Cut(text, "¦")
	if !marked {
		before, after = "", text
	}
	i := strings.Index(content, before+after)
	if i < 0 {
		t.Fatalf("the file has no %q", before+after)
	}
	head := content[:i+len(before)]
	line := head[strings.LastIndexByte(head, '\n')+1:]
	units := 0
	for _, c := range line {
		units++
		if c > 0xFFFF {
			units++
		}
	}
	return protocol.Position{Line: uint32(strings.Count(head, "\n")), Character: uint32(units)}
}
