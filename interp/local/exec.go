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
	// As on a cluster, which knows of shells alone that they have ended before what they
	// left behind.
	pause := time.Duration(0)
	if kube.RunByShell(opts.Command) {
		pause = kube.IdleOutput
	}
	return execIn(ctx, running, pause, opts)
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

// execIn runs a command in a running container to its end, and to that of its output:
// see outputCopy.finish for pause.
func execIn(ctx context.Context, r *runningContainer, pause time.Duration, opts funcs.ExecOptions) error {
	spec := r.process
	spec.Args = opts.Command
	last := &kube.Tail{}
	out := &lockedWriter{w: orDiscard(opts.Stdout)}
	diagnostics := io.MultiWriter(last, out)
	if !same(opts.Stdout, opts.Stderr) {
		diagnostics = io.MultiWriter(last, orDiscard(opts.Stderr))
	}
	streams, err := openStreams(opts.Stdin, out, diagnostics)
	if err != nil {
		return err
	}
	proc, err := r.sandbox.start(spec, streams.child[0], streams.child[1], streams.child[2])
	if err := errors.Join(err, streams.closeChild()); err != nil {
		return execError(err, streams.abort())
	}
	status, err := waitExec(ctx, proc)
	copyErr := streams.finish(ctx, pause)
	switch {
	case err != nil:
		return err
	case status.Lost:
		return fmt.Errorf("the container ended while %q ran in it", opts.Command[0])
	case copyErr != nil && ctx.Err() != nil:
		return ctx.Err()
	case copyErr != nil:
		return fmt.Errorf("streams of %q: %w", opts.Command[0], copyErr)
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
		_ = c.finish(context.Background(), 0) // nothing was written
	}
	return nil
}

// finish waits until all that the command wrote is with the caller. Input that the
// caller has not given yet is not waited for; an error of the caller's reader is
// one, if it is known by now.
func (s *streams) finish(ctx context.Context, pause time.Duration) error {
	errs := make([]error, len(s.copies))
	var both sync.WaitGroup
	for i, c := range s.copies {
		both.Go(func() { errs[i] = c.finish(ctx, pause) })
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

// An outputCopy moves a stream of the command to the caller.
type outputCopy struct {
	r     *os.File
	pause atomic.Int64 // how long to wait for more; zero: as long as it takes
	done  chan error
}

func startCopy(r *os.File, w io.Writer) *outputCopy {
	c := &outputCopy{r: r, done: make(chan error, 1)}
	go func() { c.done <- c.copy(w) }()
	return c
}

// copy reads on when the caller's writer has failed, so that the command is not
// held up, and reports the failure at the end. The time that the writer takes is no
// pause.
func (c *outputCopy) copy(w io.Writer) error {
	var failed error
	buf := make([]byte, 64<<10)
	for {
		err := c.limitPause()
		n := 0
		if err == nil {
			n, err = c.r.Read(buf)
		}
		if n > 0 && failed == nil {
			_, failed = w.Write(buf[:n])
		}
		if err != nil {
			return failed
		}
	}
}

func (c *outputCopy) limitPause() error {
	pause := time.Duration(c.pause.Load())
	if pause == 0 {
		return nil
	}
	return c.r.SetReadDeadline(time.Now().Add(pause))
}

// lastWords is the time for what a killed command has written already.
const lastWords = 100 * time.Millisecond

// finish is called when the command has ended. A process that it left behind may hold
// the output open: then what comes is waited for until ctx ends, or for pause at a time
// if that is not zero.
func (c *outputCopy) finish(ctx context.Context, pause time.Duration) error {
	c.pause.Store(int64(pause))
	limitErr := ignoreClosed(c.limitPause())
	var err error
	select {
	case err = <-c.done:
	case <-ctx.Done():
		hangUp := time.AfterFunc(lastWords, func() { _ = c.r.Close() })
		err = errors.Join(<-c.done, ctx.Err())
		hangUp.Stop()
	}
	return errors.Join(limitErr, err, ignoreClosed(c.r.Close()))
}
