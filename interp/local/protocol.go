package local

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// containerArg is the hidden first argument that turns the program into the
// first process of a container.
const containerArg = "__container"

// binDir is where a container finds rescue and kando.
const binDir = "/run/rescue/bin"

// maxMessage bounds a message, so that a broken peer cannot make us allocate
// without end. A pod's environment and its secret volumes travel in one message.
const maxMessage = 64 << 20

// A message is what rescue and the first process of a container tell each other,
// over a socket that only these two hold.
type message struct {
	Kind messageKind `json:"kind"`
	// ID numbers the processes of a container.
	ID      uint64       `json:"id,omitempty"`
	Sandbox *sandboxSpec `json:"sandbox,omitempty"`
	Process *processSpec `json:"process,omitempty"`
	Signal  int          `json:"signal,omitempty"`
	// Code is a process's exit status; a process that a signal ended has 128
	// and the signal's number.
	Code  int    `json:"code,omitempty"`
	Error string `json:"error,omitempty"`
}

type messageKind string

const (
	msgSetup   messageKind = "setup"   // to the container: build the root file system
	msgReady   messageKind = "ready"   // from it: built
	msgFailed  messageKind = "failed"  // from it: not built, and why
	msgStart   messageKind = "start"   // to it, with stdin, stdout and stderr: run a process
	msgStarted messageKind = "started" // from it
	msgRefused messageKind = "refused" // from it: the process could not be started
	msgExited  messageKind = "exited"  // from it
	msgSignal  messageKind = "signal"  // to it: for a process and its group
)

// sandboxSpec says what a container's processes see.
type sandboxSpec struct {
	Mode sandboxMode `json:"mode"`
	// Base is an empty directory of the host, to mount on.
	Base     string `json:"base"`
	Hostname string `json:"hostname,omitempty"`
	// Program is the file that the container finds as rescue and kando.
	Program string `json:"program,omitempty"`
	// Hide are directories of the host that the container finds empty.
	Hide    []string     `json:"hide,omitempty"`
	Volumes []volumeSpec `json:"volumes,omitempty"`
	Mounts  []mountSpec  `json:"mounts,omitempty"`
	// WorkDir is made if the container has no such directory.
	WorkDir string `json:"workDir,omitempty"`
	// Hosts is the container's /etc/hosts.
	Hosts string `json:"hosts,omitempty"`
	// ReadOnlyRoot leaves only the volumes to write to.
	ReadOnlyRoot bool `json:"readOnlyRoot,omitempty"`
}

// volumeSpec is a directory of the host, or files that exist in the container only.
type volumeSpec struct {
	Name  string     `json:"name"`
	Dir   string     `json:"dir,omitempty"`
	Files []fileSpec `json:"files,omitempty"`
}

type fileSpec struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"`
	Data []byte `json:"data"`
}

type mountSpec struct {
	Volume   string `json:"volume"`
	SubPath  string `json:"subPath,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// processSpec is a command to run in a container.
type processSpec struct {
	Args   []string `json:"args"`
	Env    []string `json:"env"`
	Dir    string   `json:"dir"`
	UID    uint32   `json:"uid,omitempty"`
	GID    uint32   `json:"gid,omitempty"`
	Groups []uint32 `json:"groups,omitempty"`
}

// sandboxMode is how the host's files are kept from the container's writes.
type sandboxMode struct {
	// User: the container has a user namespace. Root does without, since the
	// kernel does not let it lay an overlay over the host's files from inside one.
	User bool `json:"user"`
	// Overlay: writes go to memory and are thrown away. Otherwise the host's files
	// are mounted read-only, and writing to them is an error.
	Overlay bool `json:"overlay"`
}

func (m sandboxMode) String() string {
	name := "read-only root"
	if m.Overlay {
		name = "overlay root"
	}
	if m.User {
		name += " in a user namespace"
	}
	return name
}

// exitStatus is how a process ended. Lost says that its container went away
// before the process told.
type exitStatus struct {
	Code, Signal int
	Lost         bool
}

// A startError says why a process could not be started. Code is the exit status
// that a shell would give.
type startError struct {
	Code   int
	Reason string
}

func (e *startError) Error() string { return e.Reason }

// encodeMessage gives the message in JSON, with its length before it in 4 bytes.
func encodeMessage(m message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a message to the container: %w", err)
	}
	if len(body) > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes to the container is too long: its limit is %d", len(body), maxMessage)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...), nil
}

// decodeMessage reads the message whose 4 bytes of length are header.
func decodeMessage(header []byte, r io.Reader) (message, error) {
	var m message
	if len(header) != 4 {
		return m, fmt.Errorf("a message's header has %d bytes instead of 4", len(header))
	}
	size := binary.BigEndian.Uint32(header)
	if size > maxMessage {
		return m, fmt.Errorf("a message of %d bytes: its limit is %d", size, maxMessage)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("decode a message: %w", err)
	}
	return m, nil
}
