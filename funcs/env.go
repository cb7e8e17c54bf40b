package funcs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/kube"
)

// Env is what a function may touch. Nothing in this package builds a client:
// the caller injects them, for a real cluster or for the embedded one.
type Env struct {
	Kube      kubernetes.Interface
	Dynamic   dynamic.Interface
	Snapshots snapshots.Interface
	Exec      PodExecutor
	Logs      PodLogs
	// Clock gives the present time; tests set it.
	Clock func() time.Time
	// Log receives what people read: user output of commands as it comes, and
	// what the function does. Outputs and secrets never go there.
	Log *slog.Logger
	// Progress receives figures while a long copy runs. It may be nil.
	Progress func(Progress)

	// Secrets knows what must not be shown. It may be nil.
	Secrets Secrets

	// Params are the parameters of the running action.
	Params *compat.Params
	// Namespace is where pods go when no namespace is given: the one that rescue
	// itself works in.
	Namespace string
	// ServiceAccount is for pods in Namespace, when the function names none. Empty:
	// the namespace's default. Pods in other namespaces always have the default.
	ServiceAccount string
	// SecurePods makes every generated pod run as the namespace's service account
	// "default", whatever the function says, and without that account's token. It
	// comes before podOverride, which can undo it. It is Kanister's
	// SECURE_DEFAULTS_FOR_JOB_PODS.
	SecurePods bool
	// ToolsImage is the image of pods that move data, when the function names none.
	// Empty: DefaultToolsImage.
	ToolsImage string
	// Patience says how long pods may take to start.
	Patience kube.Patience
	// AWS says how AWS is reached; the credentials are found by each phase. The zero
	// value is what the SDK does by itself.
	AWS awsaccess.Options
	// Notes are for facts that the cluster does not keep. It may be nil.
	Notes Notes
	// Attempt counts the attempts of the phase in this process, from 1; 0 where nobody
	// counts. What need be said once only is said in the first.
	Attempt int
	// Labels go onto all that the function creates, so that what a dead process
	// left behind can be found. RunLabel and PhaseLabel are among them when the
	// function is a phase of a run.
	Labels map[string]string
}

// DefaultToolsImage is what `make image` builds.
const DefaultToolsImage = "localhost/rescue-tools:dev"

// Labels of what a phase creates: the ID of its run, and its own name.
const (
	RunLabel   = "rescue.dev/run"
	PhaseLabel = "rescue.dev/phase"
)

// origin are the annotations of what a phase is meant to leave behind: a snapshot, a
// restored claim. They are no labels, because what carries the labels of a run is
// only there for its time. A second attempt of the phase knows its own work by them.
func (e *Env) origin() map[string]string {
	if e.phase() == "" {
		return nil
	}
	return map[string]string{RunLabel: e.Labels[RunLabel], PhaseLabel: e.Labels[PhaseLabel]}
}

// made says whether an object with these annotations was made by this very phase.
func (e *Env) made(annotations map[string]string) bool {
	return e.phase() != "" && annotations[RunLabel] == e.Labels[RunLabel] && annotations[PhaseLabel] == e.Labels[PhaseLabel]
}

// phase names the phase in a way that is the same for all its attempts, and for no
// other phase: RUN/PHASE. It is empty outside of a run.
func (e *Env) phase() string {
	run, phase := e.Labels[RunLabel], e.Labels[PhaseLabel]
	if run == "" || phase == "" {
		return ""
	}
	return run + "/" + phase
}

// Notes are what a phase leaves for its own later attempts, in this process or, when the
// run is resumed, in another one. They must hold no secrets.
type Notes interface {
	// Note keeps a value under a key. When it returns, the note is safe.
	Note(key, value string) error
	// Noted returns what an attempt of this phase has noted.
	Noted(key string) (value string, ok bool)
}

// note keeps a note, if the caller keeps any.
func (e *Env) note(key, value string) error {
	if e.Notes == nil {
		return nil
	}
	return e.Notes.Note(key, value)
}

// noted returns what an earlier attempt of this phase has noted, "" for nothing.
func (e *Env) noted(key string) string {
	if e.Notes == nil {
		return ""
	}
	value, _ := e.Notes.Noted(key)
	return value
}

// Secrets are the secret values of a run: what is among them is masked in logs, errors and
// events, and reaches pods by reference.
type Secrets interface {
	// Add adds a value, as soon as a function learns of it.
	Add(value string)
	kube.SecretFinder
}

// taint makes a value known as a secret.
func (e *Env) taint(value string) {
	if e.Secrets != nil {
		e.Secrets.Add(value)
	}
}

// PodExecutor runs commands in containers that exist.
type PodExecutor interface {
	// Exec runs the command to its end. A command that ran and failed gives a
	// *ExitError. Stdout and Stderr get every byte before Exec returns.
	Exec(ctx context.Context, opts ExecOptions) error
}

// ExecOptions say what to run and where.
type ExecOptions struct {
	Namespace string
	Pod       string
	Container string // empty: the pod's only container
	Command   []string
	Stdin     io.Reader // nil: none
	Stdout    io.Writer // nil: thrown away
	Stderr    io.Writer
}

// PodLogs follows the log of a container, also one that has ended.
type PodLogs interface {
	// Follow writes the container's log to w, from its first line until the
	// container has ended, each line once.
	Follow(ctx context.Context, namespace, pod, container string, w io.Writer) error
}

// Progress are the figures of a copy that is under way.
type Progress struct {
	HashedBytes, CachedBytes, UploadedBytes int64
	RestoredBytes                           int64
	EstimatedBytes                          int64 // 0: not known
}

// ExitError says that a command ran and ended with a status other than 0.
type ExitError struct {
	Code int
	// Stderr is the end of what the command wrote there.
	Stderr string
}

func (e *ExitError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("command ended with status %d", e.Code)
	}
	return fmt.Sprintf("command ended with status %d; the end of its error output:\n%s", e.Code, e.Stderr)
}
