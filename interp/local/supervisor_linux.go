package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// channelFD is where the first process of a container finds its end of the channel.
const channelFD = 3

// Exit statuses as shells give them to commands that could not be started.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128
)

// canContain tells that the program has called ContainerMain, and may be started as a
// container. That is a fact about the process which no argument could carry: without
// it, each container would run the program's own main function once more.
var canContain atomic.Bool

// ContainerMain turns the process into the first one of a container when its
// arguments say so, and never returns then. A program that opens clusters calls
// it before anything else in main, and in TestMain.
func ContainerMain() {
	canContain.Store(true)
	if len(os.Args) != 2 || os.Args[1] != containerArg {
		return
	}
	os.Exit(superviseContainer())
}

// superviseContainer is the life of a container: build its root, then run what
// rescue asks for until rescue hangs up. As it is the first of its PID namespace,
// the kernel ends all other processes there with it: nothing outlives rescue.
func superviseContainer() int {
	runtime.LockOSThread()
	ch, err := openChannel(channelFD)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rescue: this command is for rescue's own use:", err)
		return 2
	}
	if err := prepareContainer(ch); err != nil {
		// If rescue has gone there is nobody left to tell.
		_ = ch.send(message{Kind: msgFailed, Error: err.Error()})
		return 1
	}
	if err := newSupervisor(ch).serve(); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "rescue: container:", err)
		return 1
	}
	return 0
}

func prepareContainer(ch *channel) error {
	m, _, err := ch.receive()
	if err != nil {
		return fmt.Errorf("wait for the container's description: %w", err)
	}
	if m.Kind != msgSetup || m.Sandbox == nil {
		return fmt.Errorf("expected the container's description, got %q", m.Kind)
	}
	unix.Umask(0)
	if err := (rootBuilder{spec: *m.Sandbox}).build(); err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := limitPrivileges(); err != nil {
		return err
	}
	return ch.send(message{Kind: msgReady})
}

// A supervisor starts and reaps the processes of a container, all from the one
// thread whose privileges are limited: processes inherit from the thread that
// forks them.
type supervisor struct {
	ch       *channel
	requests chan request
	children map[int]uint64 // by process ID
	pids     map[uint64]int
	userNS   bool
}

type request struct {
	message
	fds []int
	err error
}

func newSupervisor(ch *channel) *supervisor {
	return &supervisor{
		ch:       ch,
		requests: make(chan request),
		children: map[int]uint64{},
		pids:     map[uint64]int{},
		userNS:   inUserNamespace(),
	}
}

func (s *supervisor) serve() error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go s.listen()
	for {
		select {
		case r := <-s.requests:
			if r.err != nil {
				return r.err
			}
			if err := s.handle(r); err != nil {
				return err
			}
		case <-ended:
			if err := s.reap(); err != nil {
				return err
			}
		}
	}
}

func (s *supervisor) listen() {
	for {
		m, fds, err := s.ch.receive()
		s.requests <- request{message: m, fds: fds, err: err}
		if err != nil {
			return
		}
	}
}

func (s *supervisor) handle(r request) error {
	switch r.Kind {
	case msgStart:
		reply := s.start(r)
		return errors.Join(closeAll(r.fds), s.ch.send(reply))
	case msgSignal:
		s.signal(r.ID, syscall.Signal(r.Signal))
		return nil
	}
	return fmt.Errorf("unexpected message %q", r.Kind)
}

func (s *supervisor) start(r request) message {
	refused := func(code int, err error) message {
		return message{Kind: msgRefused, ID: r.ID, Code: code, Error: err.Error()}
	}
	if r.Process == nil || len(r.Process.Args) == 0 || len(r.fds) != 3 {
		return refused(exitNotExecutable, errors.New("no command given"))
	}
	path, err := findProgram(*r.Process)
	if err != nil {
		return refused(exitNotFound, err)
	}
	// The kernel would blame the program for a directory that is missing.
	if _, err := os.Stat(r.Process.Dir); err != nil {
		return refused(exitNotExecutable, fmt.Errorf("working directory: %w", err))
	}
	pid, err := syscall.ForkExec(path, r.Process.Args, s.attributes(r))
	if err != nil {
		return refused(exitNotExecutable, fmt.Errorf("exec: %q: %w", r.Process.Args[0], err))
	}
	s.children[pid], s.pids[r.ID] = r.ID, pid
	return message{Kind: msgStarted, ID: r.ID}
}

func (s *supervisor) attributes(r request) *syscall.ProcAttr {
	p := r.Process
	sys := &syscall.SysProcAttr{Setsid: true}
	switch {
	case s.userNS && (p.UID != 0 || p.GID != 0):
		// Only one user of the host is ours. It gets the wanted number in a further
		// user namespace, since ours calls it root.
		sys.Cloneflags = syscall.CLONE_NEWUSER
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(p.UID), HostID: 0, Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(p.GID), HostID: 0, Size: 1}}
	case !s.userNS:
		sys.Credential = &syscall.Credential{Uid: p.UID, Gid: p.GID, Groups: p.Groups}
	}
	return &syscall.ProcAttr{
		Dir:   p.Dir,
		Env:   p.Env,
		Files: []uintptr{uintptr(r.fds[0]), uintptr(r.fds[1]), uintptr(r.fds[2])},
		Sys:   sys,
	}
}

// signal reaches the process and its children, which share its session. A process
// that has just ended is no error.
func (s *supervisor) signal(id uint64, sig syscall.Signal) {
	if pid, running := s.pids[id]; running {
		_ = syscall.Kill(-pid, sig)
	}
}

// reap collects all that has ended, orphans included.
func (s *supervisor) reap() error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 || err != nil {
			return nil // Nothing more has ended, or nothing is left: ECHILD.
		}
		if err := s.report(pid, status); err != nil {
			return err
		}
	}
}

func (s *supervisor) report(pid int, status syscall.WaitStatus) error {
	id, ours := s.children[pid]
	if !ours || !(status.Exited() || status.Signaled()) {
		return nil
	}
	delete(s.children, pid)
	delete(s.pids, id)
	m := message{Kind: msgExited, ID: id, Code: status.ExitStatus()}
	if status.Signaled() {
		m.Signal = int(status.Signal())
		m.Code = exitSignal + m.Signal
	}
	return s.ch.send(m)
}

// findProgram looks a command up as a shell would, in the PATH of the process that
// is to run it.
func findProgram(p processSpec) (string, error) {
	name := p.Args[0]
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("exec: %q: no such file: the local runtime runs the programs of this machine", p.Args[0])
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(envValue(p.Env, "PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH: the local runtime runs the programs of this machine, so install it here", name)
}

func envValue(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, found := strings.CutPrefix(env[i], name+"="); found {
			return value
		}
	}
	return ""
}
