// Package lsp is a language server for blueprints, CUE and YAML: findings while one
// types, documentation, completion and quick fixes, over standard input and output.
//
// One goroutine owns all that is open and answers requests, from the shape of the text
// alone (package outline), so that it answers also while the text is broken. Another one
// runs vet, which needs longer, over the newest state: an edit never waits for it.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
	"github.com/rescuecue/rescue/interp/vet"
)

// ErrNoShutdown says that the client went away without saying so.
var ErrNoShutdown = errors.New("the editor ended without a request for shutdown")

// A Server serves one client.
type Server struct {
	// Version is what the client is told.
	Version string

	conn *rpc.Conn
	// docs are the open documents by URI.
	docs    map[string]*document
	checker *checker
	// packages finds what documents import.
	packages packages
	// found are findings by the URI of their file, and then by that of the document from
	// whose check they came.
	found map[string]map[string]found
	// shown are the findings in open documents, for quick fixes.
	shown       map[string]checked
	initialized bool
	shutdown    bool
	// parentEnded is closed when the client's process has ended.
	parentEnded <-chan struct{}
}

// checked are the findings in one version of a document.
type checked struct {
	doc      *document
	findings []vet.Finding
}

// incoming is what the reader has read.
type incoming struct {
	message rpc.Message
	err     error
}

// Serve answers until the client says exit, its input ends, its process ends or ctx is
// done. It returns nil after an orderly shutdown, and ErrNoShutdown if the client just went
// away. The goroutine that reads from in ends with in.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.conn = rpc.NewConn(in, out)
	s.docs, s.found, s.shown = map[string]*document{}, map[string]map[string]found{}, map[string]checked{}
	s.checker = newChecker(ctx)
	defer s.checker.wait()
	defer cancel()
	return s.loop(ctx, s.read(ctx))
}

// read receives messages until there are none.
func (s *Server) read(ctx context.Context) <-chan incoming {
	messages := make(chan incoming)
	go func() {
		for {
			m, err := s.conn.Read()
			select {
			case messages <- incoming{m, err}:
			case <-ctx.Done():
				return
			}
			if problem := (*rpc.Error)(nil); err != nil && !errors.As(err, &problem) {
				return
			}
		}
	}()
	return messages
}

func (s *Server) loop(ctx context.Context, messages <-chan incoming) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.parentEnded:
			return s.gone()
		case result := <-s.checker.results:
			if err := s.publish(result); err != nil {
				return s.gone()
			}
		case in := <-messages:
			done, err := s.receive(ctx, in)
			if done || err != nil {
				return err
			}
		}
	}
}

// gone is the result when the client ended without exit.
func (s *Server) gone() error {
	if s.shutdown {
		return nil
	}
	return ErrNoShutdown
}

// receive handles what was read; done says that there will be no more.
func (s *Server) receive(ctx context.Context, in incoming) (done bool, err error) {
	problem := (*rpc.Error)(nil)
	switch {
	case errors.As(in.err, &problem):
		if err := s.conn.Reply(nil, nil, problem); err != nil {
			return true, s.gone()
		}
		return false, nil
	case errors.Is(in.err, io.EOF):
		return true, s.gone()
	case in.err != nil:
		return true, in.err
	case in.message.Method == "exit":
		return true, s.gone()
	case in.message.Method == "":
		return false, nil // An answer: nothing was asked.
	}
	if err := s.handle(ctx, in.message); err != nil {
		return true, s.gone()
	}
	return false, nil
}

// handle answers a request or takes a notification in. The error is that of writing.
func (s *Server) handle(ctx context.Context, m rpc.Message) error {
	result, problem := s.call(ctx, m)
	if m.IsRequest() {
		return s.conn.Reply(m.ID, result, problem)
	}
	if problem != nil && problem.Code != rpc.CodeMethodNotFound {
		return s.log(problem.Message)
	}
	return nil
}

func (s *Server) log(text string) error {
	return s.conn.Notify("window/logMessage", logMessage{logError, text})
}

// call runs the method. A panic is an error of that request alone: an editor must not
// lose its server over one odd text.
func (s *Server) call(ctx context.Context, m rpc.Message) (result any, problem *rpc.Error) {
	defer func() {
		if p := recover(); p != nil {
			result, problem = nil, rpc.Errorf(rpc.CodeInternal, "%s: internal error: %v; please report it with the file", m.Method, p)
		}
	}()
	if m.Method == "initialize" {
		return s.initialize(ctx, m.Params)
	}
	switch {
	case !s.initialized:
		return nil, rpc.Errorf(rpc.CodeNotInitialized, "%s came before initialize", m.Method)
	case s.shutdown && m.IsRequest():
		return nil, rpc.Errorf(rpc.CodeInvalidRequest, "%s came after shutdown", m.Method)
	}
	method, ok := methods[m.Method]
	if !ok {
		return nil, rpc.Errorf(rpc.CodeMethodNotFound, "there is no method %s", m.Method)
	}
	return method(s, m.Params)
}

// A method takes the parameters as JSON.
type method func(*Server, json.RawMessage) (any, *rpc.Error)

// methods of the protocol that the server has. The others that an editor sends of its own
// accord, such as $/setTrace, may be passed over.
var methods = map[string]method{
	"initialized":                     ignore,
	"shutdown":                        (*Server).stop,
	"textDocument/didOpen":            with((*Server).didOpen),
	"textDocument/didChange":          with((*Server).didChange),
	"textDocument/didSave":            with((*Server).didSave),
	"textDocument/didClose":           with((*Server).didClose),
	"workspace/didChangeWatchedFiles": (*Server).filesChanged,
	"textDocument/hover":              with((*Server).hover),
	"textDocument/completion":         with((*Server).completion),
	"textDocument/definition":         with((*Server).definition),
	"textDocument/documentSymbol":     with((*Server).documentSymbols),
	"textDocument/codeAction":         with((*Server).codeActions),
}

func ignore(*Server, json.RawMessage) (any, *rpc.Error) { return nil, nil }

// with decodes the parameters of a method.
func with[P any](call func(*Server, P) (any, *rpc.Error)) method {
	return func(s *Server, params json.RawMessage) (any, *rpc.Error) {
		var p P
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, rpc.Errorf(rpc.CodeInvalidParams, "the parameters: %v", err)
		}
		return call(s, p)
	}
}

func (s *Server) initialize(ctx context.Context, params json.RawMessage) (any, *rpc.Error) {
	if s.initialized {
		return nil, rpc.Errorf(rpc.CodeInvalidRequest, "initialize came twice")
	}
	var p initializeParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "the parameters: %v", err)
	}
	s.initialized = true
	s.parentEnded = watchParent(ctx, p.ProcessID)
	return initializeResult{
		Capabilities: map[string]any{
			"textDocumentSync": map[string]any{"openClose": true, "change": 2, "save": true},
			"hoverProvider":    true,
			// A dot goes on along a name, a quote begins a text, a brace a template.
			"completionProvider":     map[string]any{"triggerCharacters": []string{".", `"`, "{", ":"}},
			"definitionProvider":     true,
			"documentSymbolProvider": true,
			"codeActionProvider":     map[string]any{"codeActionKinds": []string{"quickfix"}},
		},
		ServerInfo: map[string]string{"name": "rescue", "version": s.Version},
	}, nil
}

func (s *Server) stop(json.RawMessage) (any, *rpc.Error) {
	s.shutdown = true
	return nil, nil
}

// open returns an open document.
func (s *Server) open(uri string) (*document, *rpc.Error) {
	if d, ok := s.docs[uri]; ok {
		return d, nil
	}
	return nil, rpc.Errorf(rpc.CodeInvalidParams, "%s is not open", uri)
}
