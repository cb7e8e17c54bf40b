package kopiaserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rescuecue/rescue/funcs/mover"
)

const (
	// startTime is how long the program may take to listen. It reads the
	// repository's index first.
	startTime = 5 * time.Minute
	// stopTime is how long clients may take to finish when the server is told to stop.
	stopTime = 20 * time.Second
)

// Options say how to run a server.
type Options struct {
	// Program is the kopia program: a path, or a name that PATH knows.
	Program string
	// Dir is an empty directory for the program's files, keys among them; it is the
	// caller's to remove. The cache may grow to the limits of the Config in it.
	Dir string
	// Listen is HOST:PORT; port 0 takes a free one.
	Listen string
	// Create makes the repository if there is none.
	Create bool
	// Log receives what the program says.
	Log *slog.Logger
}

// A Server is a running program.
type Server struct {
	// Address is https://HOST:PORT, as the program reports it.
	Address string

	program     *program
	username    string
	fingerprint string
	stop        context.CancelFunc
	release     func()        // lets others clean the repository up
	ended       chan struct{} // closed once err is set
	err         error
}

// Start opens the repository, sets its users and starts the server. It returns when
// the server listens. It runs until Stop, or until ctx ends; Stop must be called in any
// case, because the repository is not cleaned up before.
func Start(ctx context.Context, c Config, o Options) (*Server, error) {
	if err := probe(ctx, c.Location, o.Create); err != nil {
		return nil, err
	}
	ctx, release, err := mover.Occupy(ctx, c.Location)
	if err != nil {
		return nil, err
	}
	release = sync.OnceFunc(release)
	s, err := startOccupied(ctx, c, o, release)
	if err != nil {
		release()
	}
	return s, err
}

// startOccupied starts the server of a repository that is kept from being cleaned up
// until release is called.
func startOccupied(ctx context.Context, c Config, o Options, release func()) (*Server, error) {
	fingerprint, err := mover.Fingerprint(c.Certificate)
	if err != nil {
		return nil, err
	}
	p, err := newProgram(o.Program, o.Dir, c)
	if err != nil {
		return nil, err
	}
	username := usernameOf(c.Users)
	if err := p.setUsers(ctx, username, c.Users); err != nil {
		return nil, err
	}
	s := &Server{program: p, username: username, fingerprint: fingerprint, release: release, ended: make(chan struct{})}
	if err := s.start(ctx, o); err != nil {
		return nil, err
	}
	return s, nil
}

// usernameOf is the part that all users have in common.
func usernameOf(users map[string]string) string {
	for name := range users {
		username, _, _ := strings.Cut(name, "@")
		return username
	}
	return ""
}

// probe finds out what is wrong with the repository, in the mover's words.
func probe(ctx context.Context, loc mover.Location, create bool) error {
	open := mover.Open
	if create {
		open = mover.OpenOrCreate
	}
	r, err := open(ctx, loc)
	if mover.CodeOf(err) == mover.CodeNoRepository {
		return fmt.Errorf("%w: make it with kopia repository create, or let rescue repository-server do so with --create", err)
	}
	if err != nil {
		return err
	}
	return r.Close(context.WithoutCancel(ctx))
}

// start runs the program and waits until it listens.
func (s *Server) start(ctx context.Context, o Options) error {
	ctx, s.stop = context.WithCancel(ctx)
	cmd := s.program.command(ctx, "server", "start", "--no-ui", "--no-persistent-logs",
		"--address=https://"+o.Listen, "--tls-cert-file="+s.program.file(certFile), "--tls-key-file="+s.program.file(keyFile))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	// A pipe of our own: the command's Wait would not wait for its reader.
	talk, said, err := os.Pipe()
	if err != nil {
		s.stop()
		return err
	}
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Start()
	err = errors.Join(err, said.Close())
	if err != nil {
		s.stop()
		return errors.Join(err, talk.Close())
	}
	listens := make(chan string, 1)
	go s.watch(ctx, cmd, talk, listens, o.Log)
	return s.awaitAddress(ctx, listens)
}

// watch logs what the program says until it ends.
func (s *Server) watch(ctx context.Context, cmd *exec.Cmd, talk io.ReadCloser, listens chan<- string, log *slog.Logger) {
	last := ""
	lines := bufio.NewScanner(talk)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if address, ok := strings.CutPrefix(line, "SERVER ADDRESS: "); ok {
			listens <- address
		}
		if line != "" {
			log.Info(line, "program", "kopia")
			last = line
		}
	}
	err := errors.Join(cmd.Wait(), talk.Close())
	if ctx.Err() != nil && !errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it was told to end, and did
	}
	if cause := context.Cause(ctx); mover.CodeOf(cause) == mover.CodeInterrupted {
		err = cause
	}
	if err != nil {
		err = fmt.Errorf("kopia server start: %w: %s", err, last)
	}
	s.err = err
	close(s.ended)
}

func (s *Server) awaitAddress(ctx context.Context, listens <-chan string) error {
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case s.Address = <-listens:
		return nil
	case <-s.ended:
		return errors.Join(s.err, errors.New("the kopia program ended before it listened"))
	case <-ctx.Done():
		<-s.ended
		return context.Cause(ctx)
	case <-timer.C:
		s.stop()
		<-s.ended
		return fmt.Errorf("kopia server start: it does not listen after %s", startTime)
	}
}

// Ended is closed when the program has ended; Err then says why.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Err is why the program ended, nil if it was told to.
func (s *Server) Err() error { return s.err }

// Stop tells the program to end and waits for it. Clients get a moment to finish.
func (s *Server) Stop() {
	s.stop()
	<-s.ended
	s.release()
}

// SetUsers changes who may log in, and tells the running server.
func (s *Server) SetUsers(ctx context.Context, users map[string]string) error {
	if err := s.program.setUsers(ctx, s.username, users); err != nil {
		return err
	}
	_, err := s.program.run(ctx, "server", "refresh", "--address="+s.Address, "--server-cert-fingerprint="+s.fingerprint)
	return err
}
