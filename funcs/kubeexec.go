package funcs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

type kubeExecArgs struct {
	Namespace string   `json:"namespace"`
	Pod       string   `json:"pod"`
	Container string   `json:"container"`
	Command   []string `json:"command"`
}

// KubeExec runs a command in a container that is already there.
func KubeExec() Func {
	return fn[kubeExecArgs]{name: "KubeExec", exec: kubeExec, access: access.Exec(access.In(access.InWork, "namespace"))}
}

func kubeExec(ctx context.Context, env *Env, a kubeExecArgs) (Output, error) {
	env.warnOfSecret(ctx, a.Command)
	return execInPod(ctx, env, ExecOptions{
		Namespace: env.namespaceOr(a.Namespace),
		Pod:       a.Pod,
		Container: a.Container,
		Command:   a.Command,
	})
}

// warnOfSecret says that a command has a secret in it. A pod that exists cannot be given
// one by reference. It is said once for all attempts of the phase.
func (e *Env) warnOfSecret(ctx context.Context, command []string) {
	if e.Attempt > 1 || e.Secrets == nil || !slices.ContainsFunc(command, func(arg string) bool { return len(e.Secrets.Find(arg)) > 0 }) {
		return
	}
	e.Log.WarnContext(ctx, "a secret stands in the command: the request to run it goes through the API server, whose audit log may keep it; "+
		"let the script take the secret from the container's own environment or files")
}

// execInPod runs a user's command: both streams go to the log, outputs are taken
// from standard output only.
func execInPod(ctx context.Context, env *Env, opts ExecOptions) (Output, error) {
	from := []slog.Attr{slog.String("pod", opts.Pod)}
	if opts.Container != "" {
		from = append(from, slog.String("container", opts.Container))
	}
	out := newUserOutput(ctx, env.Log, from...)
	errs := newLineLog(ctx, env.Log, append(from, slog.String("stream", "stderr"))...)
	opts.Stdout, opts.Stderr = out, errs
	err := env.Exec.Exec(ctx, opts)
	errs.Flush()
	if err == nil {
		result, err := out.result(nil)
		return result, inContainer(opts, err)
	}
	if _, parseErr := out.Finish(); parseErr != nil { // the failure counts for more
		env.Log.LogAttrs(ctx, slog.LevelDebug, "malformed output of a command that failed", append(from, slog.Any("error", parseErr))...)
	}
	return nil, env.explainExec(ctx, opts, err, out.tail.Lines())
}

// inContainer says where an error happened.
func inContainer(opts ExecOptions, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", opts.where(), err)
}

func (o ExecOptions) where() string {
	if o.Container == "" {
		return fmt.Sprintf("pod %s/%s", o.Namespace, o.Pod)
	}
	return fmt.Sprintf("pod %s/%s, container %s", o.Namespace, o.Pod, o.Container)
}

// explainExec says where the command ran, what it wrote at last, and how to go on.
// Where it wrote no error output, the last lines of its output tell more than its
// status.
func (e *Env) explainExec(ctx context.Context, opts ExecOptions, err error, lines []string) error {
	var exit *ExitError
	if exited := errors.As(err, &exit); len(lines) > 0 && (!exited || exit.Stderr == "") {
		err = fmt.Errorf("%w; the last lines of its output:%s", err, indent(lines))
	}
	if hint := e.execAdvice(ctx, opts, err); hint != "" {
		err = fmt.Errorf("%w\n%s", err, hint)
	}
	return inContainer(opts, err)
}

const (
	// notStarted is how container runtimes say that there is no such program.
	notStarted    = "unable to start container process"
	adviceProgram = "to go on: check that the container has the program that the command names"
)

// execAdvice says what is known of the container where a command failed, and how to
// go on.
func (e *Env) execAdvice(ctx context.Context, opts ExecOptions, err error) string {
	var exit *ExitError
	switch {
	case ctx.Err() != nil:
		return "the command may still run in the container: Kubernetes has no way to stop it"
	case strings.Contains(err.Error(), notStarted):
		return adviceProgram
	case !errors.As(err, &exit):
		return e.stateOf(ctx, opts)
	case exit.Code == 137:
		return "the command was killed: " + e.stateOf(ctx, opts)
	case exit.Code == 127:
		return adviceProgram
	case exit.Code == 126:
		return "to go on: check that what the command names is a program, and may be executed"
	}
	return ""
}

// stateOf looks at the container in which a command could not be run.
func (e *Env) stateOf(ctx context.Context, opts ExecOptions) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pod, err := e.Kube.CoreV1().Pods(opts.Namespace).Get(ctx, opts.Pod, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Sprintf("there is no such pod (any more)\nto go on: one that replaced it has another name: take the names of pods "+
			"from the action's object, or see `kubectl get pods -n %s`", opts.Namespace)
	}
	if err != nil {
		return fmt.Sprintf("the pod cannot be looked at either: %v", err)
	}
	return fmt.Sprintf("%s\nto go on: see `kubectl describe pod -n %s %s`", kube.ExplainContainer(pod, opts.Container), opts.Namespace, opts.Pod)
}

// indent puts each line on a line of its own.
func indent(lines []string) string {
	var s string
	for _, l := range lines {
		s += "\n    " + l
	}
	return s
}
