package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// A sandbox is a running container, as rescue sees it: its first process, and the
// processes that it was asked to start.
type sandbox struct {
	cmd *exec.Cmd
	ch  *channel

	mu      sync.Mutex
	lastID  uint64
	waiting map[uint64]*sandboxProcess
	gone    bool
	done    chan struct{} // closed when no process of the container is left
}

// A sandboxProcess is a process in a sandbox.
type sandboxProcess struct {
	id      uint64
	sandbox *sandbox
	started chan error
	exited  chan exitStatus // gets one value
}

// startSandbox builds a container and waits until it is ready for processes.
func startSandbox(ctx context.Context, spec sandboxSpec) (*sandbox, error) {
	ch, theirs, err := newChannelPair()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe", containerArg)
	cmd.Env = []string{}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = sandboxAttributes(spec.Mode)
	err = cmd.Start()
	if closeErr := theirs.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, closing(fmt.Errorf("start a container: %w", err), ch)
	}
	s := &sandbox{cmd: cmd, ch: ch, waiting: map[uint64]*sandboxProcess{}, done: make(chan struct{})}
	stop := context.AfterFunc(ctx, s.kill)
	err = s.setup(spec)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	go s.receive()
	return s, nil
}

func sandboxAttributes(mode sandboxMode) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if mode.User {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

func (s *sandbox) setup(spec sandboxSpec) error {
	if err := s.ch.send(message{Kind: msgSetup, Sandbox: &spec}); err != nil {
		return fmt.Errorf("describe the container: %w", err)
	}
	m, _, err := s.ch.receive()
	if err != nil {
		return fmt.Errorf("the container's first process ended early: %w", err)
	}
	if m.Kind != msgReady {
		return fmt.Errorf("build the container: %s", m.Error)
	}
	return nil
}

// abandon gives up a container that never ran. That its process was killed is
// what was wanted.
func (s *sandbox) abandon() error {
	s.kill()
	err := s.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = nil
	}
	close(s.done)
	return closing(err, s.ch)
}

// receive takes what the container tells until it is gone, and then ends all that
// waits for it.
func (s *sandbox) receive() {
	defer close(s.done)
	for {
		m, _, err := s.ch.receive()
		if err != nil {
			break
		}
		s.dispatch(m)
	}
	s.kill()
	// Wait returns when the kernel has ended every process of the PID namespace.
	_ = s.cmd.Wait()
	_ = s.ch.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	for id, p := range s.waiting {
		delete(s.waiting, id)
		p.lose()
	}
}

func (s *sandbox) dispatch(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.waiting[m.ID]
	if p == nil {
		return
	}
	switch m.Kind {
	case msgStarted:
		p.started <- nil
	case msgRefused:
		delete(s.waiting, m.ID)
		p.started <- &startError{Code: m.Code, Reason: m.Error}
	case msgExited:
		delete(s.waiting, m.ID)
		p.exited <- exitStatus{Code: m.Code, Signal: m.Signal}
	}
}

func (p *sandboxProcess) lose() {
	select {
	case p.started <- errors.New("the container ended"):
	default:
	}
	p.exited <- exitStatus{Code: exitSignal + int(syscall.SIGKILL), Signal: int(syscall.SIGKILL), Lost: true}
}

// start runs a process with these three files, which stay the caller's. A program
// that is missing or cannot be run gives a *startError.
func (s *sandbox) start(spec processSpec, stdin, stdout, stderr *os.File) (*sandboxProcess, error) {
	p := &sandboxProcess{sandbox: s, started: make(chan error, 1), exited: make(chan exitStatus, 1)}
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return nil, errors.New("the container has ended")
	}
	s.lastID++
	p.id = s.lastID
	s.waiting[p.id] = p
	s.mu.Unlock()
	if err := s.ch.send(message{Kind: msgStart, ID: p.id, Process: &spec}, stdin, stdout, stderr); err != nil {
		s.mu.Lock()
		delete(s.waiting, p.id)
		s.mu.Unlock()
		return nil, fmt.Errorf("start %q in the container: %w", spec.Args[0], err)
	}
	if err := <-p.started; err != nil {
		return nil, err
	}
	return p, nil
}

// signal is for the process and its children. If the container is gone, so are they.
func (p *sandboxProcess) signal(sig syscall.Signal) {
	_ = p.sandbox.ch.send(message{Kind: msgSignal, ID: p.id, Signal: int(sig)})
}

// kill ends the container with all its processes; done tells when they are gone.
func (s *sandbox) kill() {
	// The only failure is that the process has ended by itself.
	_ = s.cmd.Process.Kill()
}

// openNull gives a stdin without content.
func openNull() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
