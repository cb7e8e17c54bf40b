package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// executor implements funcs.PodExecutor.
type executor struct{ c *Cluster }

// Exec implements funcs.PodExecutor.
func (e executor) Exec(ctx context.Context, opts funcs.ExecOptions) error {
	if len(opts.Command) == 0 {
		return errors.New("no command to run")
	}
	pod, err := e.c.pod(opts.Namespace, opts.Pod)
	if err != nil {
		return err
	}
	name, err := containerName(pod, opts.Container)
	if err != nil {
		return err
	}
	running, err := e.c.kubelet.container(pod, name)
	if err != nil {
		return err
	}
	return execIn(ctx, running, opts.Command, opts.Stdin, opts.Stdout, opts.Stderr)
}

// containerName completes an empty name if the pod has one container only, as an
// API server does: default containers are a thing of kubectl.
func containerName(pod *corev1.Pod, name string) (string, error) {
	if name == "" && len(pod.Spec.Containers) == 1 {
		return pod.Spec.Containers[0].Name, nil
	}
	var names []string
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, c := range list {
			names = append(names, c.Name)
		}
	}
	switch {
	case name == "":
		return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s, choose one of: %v", pod.Name, names))
	case !slices.Contains(names, name):
		return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
	}
	return name, nil
}

// execIn runs a command in a running container to its end.
func execIn(ctx context.Context, r *runningContainer, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	spec := r.process
	spec.Args = command
	last := &kube.Tail{}
	out := &lockedWriter{w: orDiscard(stdout)}
	diagnostics := io.MultiWriter(last, out)
	if !same(stdout, stderr) {
		diagnostics = io.MultiWriter(last, orDiscard(stderr))
	}
	streams, err := openStreams(stdin, out, diagnostics)
	if err != nil {
		return err
	}
	proc, err := r.sandbox.start(spec, streams.child[0], streams.child[1], streams.child[2])
	if err := errors.Join(err, streams.closeChild()); err != nil {
		return execError(err, streams.abort())
	}
	status, err := waitExec(ctx, proc)
	copyErr := streams.finish()
	switch {
	case err != nil:
		return err
	case status.Lost:
		return fmt.Errorf("the container ended while %q ran in it", command[0])
	case copyErr != nil:
		return fmt.Errorf("streams of %q: %w", command[0], copyErr)
	case status.Code != 0:
		return &funcs.ExitError{Code: status.Code, Stderr: strings.Join(last.Lines(), "\n")}
	}
	return nil
}

// execError turns a program that could not be started into what a shell would say.
func execError(err, cleanup error) error {
	var start *startError
	if errors.As(err, &start) && cleanup == nil {
		return &funcs.ExitError{Code: start.Code, Stderr: start.Reason}
	}
	return errors.Join(err, cleanup)
}

// waitExec waits for the end. When ctx ends first, the command is killed.
func waitExec(ctx context.Context, proc *sandboxProcess) (exitStatus, error) {
	select {
	case status := <-proc.exited:
		return status, nil
	case <-ctx.Done():
	}
	proc.signal(syscall.SIGKILL)
	return <-proc.exited, ctx.Err()
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// A lockedWriter is for a caller that takes both streams with one writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// same compares writers, of which some types cannot be compared.
func same(a, b io.Writer) bool {
	if a == nil || b == nil || !reflect.TypeOf(a).Comparable() || !reflect.TypeOf(b).Comparable() {
		return false
	}
	return a == b
}

// streams are the pipes between a command and the readers and writers of its
// caller.
type streams struct {
	child  [3]*os.File // what the command gets
	inputs *os.File    // where its stdin comes from
	copies []*outputCopy
	inErr  chan error // nil without stdin
}

func openStreams(stdin io.Reader, stdout, stderr io.Writer) (*streams, error) {
	s := &streams{}
	if err := s.openInput(stdin); err != nil {
		return nil, errors.Join(err, s.closeChild())
	}
	for i, w := range []io.Writer{stdout, stderr} {
		r, child, err := os.Pipe()
		if err != nil {
			return nil, errors.Join(err, s.closeChild(), s.abort())
		}
		s.child[i+1] = child
		s.copies = append(s.copies, startCopy(r, w))
	}
	return s, nil
}

func (s *streams) openInput(stdin io.Reader) error {
	var err error
	if stdin == nil {
		s.child[0], err = openNull()
		return err
	}
	if s.child[0], s.inputs, err = os.Pipe(); err != nil {
		return err
	}
	s.inErr = make(chan error, 1)
	inputs := s.inputs
	go func() {
		_, err := io.Copy(inputs, stdin)
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
			err = nil // A command may leave its input unread.
		}
		s.inErr <- errors.Join(err, ignoreClosed(inputs.Close()))
	}()
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// closeChild closes the files that the command has its own copies of.
func (s *streams) closeChild() error {
	var errs []error
	for i, f := range s.child {
		if f != nil {
			errs = append(errs, f.Close())
			s.child[i] = nil
		}
	}
	return errors.Join(errs...)
}

// abort ends the copying for a command that never ran.
func (s *streams) abort() error {
	if s.inputs != nil {
		if err := ignoreClosed(s.inputs.Close()); err != nil {
			return err
		}
	}
	for _, c := range s.copies {
		c.finish()
	}
	return nil
}

// finish waits until all that the command wrote is with the caller. Input that the
// caller has not given yet is not waited for; an error of the caller's reader is
// one, if it is known by now.
func (s *streams) finish() error {
	errs := make([]error, len(s.copies))
	var both sync.WaitGroup
	for i, c := range s.copies {
		both.Go(func() { errs[i] = c.finish() })
	}
	both.Wait()
	if s.inErr != nil {
		errs = append(errs, ignoreClosed(s.inputs.Close()))
		select {
		case err := <-s.inErr:
			errs = append(errs, err)
		default:
		}
	}
	return errors.Join(errs...)
}

// idleOutput is how long output may pause after the command has ended, before what
// it left running in the background is no longer listened to.
const idleOutput = 2 * time.Second

// An outputCopy moves a stream of the command to the caller.
type outputCopy struct {
	r        *os.File
	reading  atomic.Bool   // not: the caller's writer is at work
	progress chan struct{} // has room for one
	done     chan error
}

func startCopy(r *os.File, w io.Writer) *outputCopy {
	c := &outputCopy{r: r, progress: make(chan struct{}, 1), done: make(chan error, 1)}
	go func() { c.done <- c.copy(w) }()
	return c
}

// copy reads on when the caller's writer has failed, so that the command is not
// held up, and reports the failure at the end.
func (c *outputCopy) copy(w io.Writer) error {
	var failed error
	buf := make([]byte, 64<<10)
	for {
		c.reading.Store(true)
		n, err := c.r.Read(buf)
		c.reading.Store(false)
		if n > 0 && failed == nil {
			_, failed = w.Write(buf[:n])
		}
		select {
		case c.progress <- struct{}{}:
		default:
		}
		if err != nil {
			return failed
		}
	}
}

// finish is called when the command has ended.
func (c *outputCopy) finish() error {
	idle := time.NewTimer(idleOutput)
	defer idle.Stop()
	for {
		select {
		case err := <-c.done:
			return errors.Join(err, ignoreClosed(c.r.Close()))
		case <-c.progress:
			idle.Reset(idleOutput)
		case <-idle.C:
			if !c.reading.Load() {
				idle.Reset(idleOutput)
				continue
			}
			err := c.r.Close()
			return errors.Join(<-c.done, err)
		}
	}
}
