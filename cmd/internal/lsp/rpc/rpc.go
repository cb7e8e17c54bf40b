// Package rpc speaks JSON-RPC 2.0 in the frames of the language server protocol: a
// header with the length, an empty line, and the message.
package rpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Limits of what Read takes. Editors send nothing that comes near them.
const (
	maxHeader = 8 << 10
	maxBody   = 64 << 20
)

// Codes of errors, as JSON-RPC and the language server protocol have them.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
	CodeNotInitialized = -32002
)

// An Error is one that the other side is told.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an error with a code.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// A Message is a request, which has an ID and a method, a notification, which has
// only a method, or an answer, which has only an ID.
type Message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
}

// IsRequest says whether the sender waits for an answer.
func (m Message) IsRequest() bool { return m.Method != "" && len(m.ID) > 0 }

// A Conn reads and writes messages. One goroutine may read while others write.
type Conn struct {
	in  *bufio.Reader
	mu  sync.Mutex
	out io.Writer
}

// NewConn makes a connection of its two directions.
func NewConn(in io.Reader, out io.Writer) *Conn {
	return &Conn{in: bufio.NewReaderSize(in, maxHeader), out: out}
}

// Read returns the next message. An *Error is about that message alone: the sender
// can be told, and the next one can be read. After any other error nothing more can be
// read; it is io.EOF if the other side ended between two messages.
func (c *Conn) Read() (Message, error) {
	length, err := c.header()
	if err != nil {
		return Message{}, err
	}
	body := make([]byte, 0, min(length, maxHeader))
	buffer := bytes.NewBuffer(body)
	if _, err := io.CopyN(buffer, c.in, int64(length)); err != nil {
		return Message{}, fmt.Errorf("a message of %d bytes ended after %d", length, buffer.Len())
	}
	return decode(buffer.Bytes())
}

func decode(body []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		syntax := (*json.SyntaxError)(nil)
		if errors.As(err, &syntax) {
			return Message{}, Errorf(CodeParse, "the message is no JSON: %v", err)
		}
		return Message{}, Errorf(CodeInvalidRequest, "the message is no request: %v", err)
	}
	if string(m.ID) == "null" {
		m.ID = nil
	}
	if m.Method == "" && m.ID == nil {
		return Message{}, Errorf(CodeInvalidRequest, "the message has neither a method nor an id")
	}
	return m, nil
}

// header reads the lines before a message and returns its length.
func (c *Conn) header() (int, error) {
	length := -1
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		switch {
		case err == io.EOF && len(line) == 0 && first:
			return 0, io.EOF
		case err == io.EOF:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, fmt.Errorf("the header of a message: %w", err)
		}
		text := strings.TrimSpace(string(line))
		if text == "" && length >= 0 {
			return length, nil
		}
		if length, err = field(text, length); err != nil {
			return 0, err
		}
	}
}

// field reads one line of the header. Others than the length are of no interest.
func field(line string, length int) (int, error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return 0, fmt.Errorf("a message begins with %q; expected Content-Length: and the number of bytes", line)
	}
	if !strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
		return length, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 0 || n > maxBody {
		return 0, fmt.Errorf("Content-Length is %q; expected a number up to %d", strings.TrimSpace(value), maxBody)
	}
	return n, nil
}

// Reply answers the request with that ID; with problem, by an error.
func (c *Conn) Reply(id json.RawMessage, result any, problem *Error) error {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	if problem != nil {
		return c.write(struct {
			Version string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Error   *Error          `json:"error"`
		}{"2.0", id, problem})
	}
	return c.write(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  any             `json:"result"`
	}{"2.0", id, result})
}

// Notify sends a message that has no answer.
func (c *Conn) Notify(method string, params any) error {
	return c.write(struct {
		Version string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  any    `json:"params"`
	}{"2.0", method, params})
}

func (c *Conn) write(message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("a message cannot be written as JSON: %w", err)
	}
	frame := append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(body)), body...)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.out.Write(frame)
	return err
}
