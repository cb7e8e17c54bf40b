package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// Executor runs commands in containers of a cluster, over WebSocket, or SPDY where
// the server has no WebSocket or a proxy refuses it.
//
// Neither transport can be trusted alone to deliver all output: when the hop
// between API server and node breaks, the API server may report success although
// the end of the output and the exit status are missing. So a command that is run
// by a shell writes a trailer with its exit status after its output (see trailer),
// which is taken out again here. Without the trailer, the command has failed. Other
// commands, in images that may have no shell, get what the transport can do: over
// WebSocket everything is one ordered stream that ends with the status.
//
// A process that the command left behind may hold its output open for ever. What it
// writes is output too, until nothing more has come for a moment (see linger); then
// the connection is closed, and the process goes on. Without a trailer nothing tells
// that the command has ended: then the phase waits until that process has, too.
//
// When ctx ends, the connection is closed. Kubernetes has no way to stop the
// command itself; it notices the end of its standard input, or output that nobody
// takes.
type Executor struct {
	config *rest.Config
	client kubernetes.Interface
}

// NewExecutor returns an Executor for the cluster that config points at.
func NewExecutor(config *rest.Config, client kubernetes.Interface) *Executor {
	return &Executor{config: config, client: client}
}

// Exec implements funcs.PodExecutor. A command that cannot have begun, because the API
// server refuses connections, begins when the server is back.
func (e *Executor) Exec(ctx context.Context, opts funcs.ExecOptions) error {
	for attempt := 1; ; attempt++ {
		err := e.once(ctx, opts)
		if attempt == maxDials || !neverConnected(err) || !e.awaitServer(ctx) {
			return err
		}
	}
}

// maxDials bounds the attempts to connect to a server that answers other requests.
const maxDials = 5

func neverConnected(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// awaitServer asks the API server for something that it tells everybody, with the
// patience of all requests, and reports whether it has answered.
func (e *Executor) awaitServer(ctx context.Context) bool {
	err := e.client.CoreV1().RESTClient().Get().AbsPath("/version").Do(ctx).Error()
	status := apierrors.APIStatus(nil)
	return err == nil || errors.As(err, &status)
}

func (e *Executor) once(ctx context.Context, opts funcs.ExecOptions) error {
	t := newTrailer(opts.Command)
	stream, err := e.connect(opts, t.command(opts.Command))
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	return copyStreams(ctx, stream, t, opts)
}

// copyStreams runs the command that stream stands for to its end.
func copyStreams(ctx context.Context, stream remotecommand.Executor, t *trailer, opts funcs.ExecOptions) error {
	var tail kube.Tail
	out := t.filter(orDiscard(opts.Stdout))
	diagnostics := t.filter(io.MultiWriter(orDiscard(opts.Stderr), &tail))
	streamCtx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	l := newLinger(hangUp, func() bool { return out.seen.Load() && diagnostics.seen.Load() })
	defer l.stop()
	stdout, stderr := seal(out), seal(diagnostics)
	err := stream.StreamWithContext(streamCtx, remotecommand.StreamOptions{
		Stdin: opts.Stdin, Stdout: l.watch(stdout), Stderr: l.watch(stderr),
	})
	outErr, errErr := stdout.close(), stderr.close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := errors.Join(outErr, errErr); err != nil {
		return fmt.Errorf("output of the command: %w", err)
	}
	return outcome(err, out, &tail)
}

// outcome makes one verdict of what the transport and the trailer say.
func outcome(err error, out *trailerFilter, tail *kube.Tail) error {
	code, known := exitCode(err)
	ended := out.seen.Load()
	if ended {
		code, known = out.status, true
	}
	switch {
	case known && code != 0:
		return &funcs.ExitError{Code: code, Stderr: strings.Join(tail.Lines(), "\n")}
	case ended:
		return nil
	case err != nil && !strings.HasPrefix(err.Error(), streamBroke):
		return fmt.Errorf("exec: %w", err)
	case err != nil:
		return fmt.Errorf("%w: it may still run (%w)", lostSight(out), err)
	case out.expected:
		return lostSight(out)
	}
	return nil
}

// streamBroke is what client-go says when the connection to a command breaks.
const streamBroke = "error reading from error stream"

func lostSight(out *trailerFilter) error {
	return fmt.Errorf("the connection to the container ended before the command did: "+
		"%d bytes of its output arrived, and whether it succeeded is not known", out.passed)
}

// exitCode finds the status in the transport's error.
func exitCode(err error) (int, bool) {
	var exit utilexec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitStatus(), true
	}
	return 0, false
}

func (e *Executor) connect(opts funcs.ExecOptions, command []string) (remotecommand.Executor, error) {
	url := e.client.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(opts.Namespace).Name(opts.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: opts.Container,
			Command:   command,
			Stdin:     opts.Stdin != nil,
			Stdout:    true,
			Stderr:    true,
		}, scheme.ParameterCodec).URL()
	ws, err := remotecommand.NewWebSocketExecutor(e.config, "GET", url.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(e.config, "POST", url)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(ws, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
