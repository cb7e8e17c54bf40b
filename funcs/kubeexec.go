package funcs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rescuecue/rescue/funcs/kube"
)

type kubeExecArgs struct {
	Namespace string   `json:"namespace"`
	Pod       string   `json:"pod"`
	Container string   `json:"container"`
	Command   []string `json:"command"`
}

// KubeExec runs a command in a container that is already there.
func KubeExec() Func { return fn[kubeExecArgs]{name: "KubeExec", exec: kubeExec} }

func kubeExec(ctx context.Context, env *Env, a kubeExecArgs) (Output, error) {
	return execInPod(ctx, env, ExecOptions{
		Namespace: env.namespaceOr(a.Namespace),
		Pod:       a.Pod,
		Container: a.Container,
		Command:   a.Command,
	})
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
	result, err := out.result(err)
	if err != nil {
		return nil, execError(opts, err, &out.tail)
	}
	return result, nil
}

// execError says where the command ran. Where it wrote no error output, the last
// lines of its output tell more than its status.
func execError(opts ExecOptions, err error, tail *kube.Tail) error {
	where := opts.Namespace + "/" + opts.Pod
	if opts.Container != "" {
		where += ", container " + opts.Container
	}
	var exit *ExitError
	if lines := tail.Lines(); errors.As(err, &exit) && exit.Stderr == "" && len(lines) > 0 {
		return fmt.Errorf("pod %s: %w; the last lines of its output:%s", where, err, indent(lines))
	}
	return fmt.Errorf("pod %s: %w", where, err)
}

// indent puts each line on a line of its own.
func indent(lines []string) string {
	var s string
	for _, l := range lines {
		s += "\n    " + l
	}
	return s
}
