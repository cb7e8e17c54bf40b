package funcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/store"
)

// dataVersion is the output `version` of the data functions.
const dataVersion = "v0.0.0"

// container names one in a pod.
type container struct {
	namespace, pod, name string
}

func (c container) String() string {
	return fmt.Sprintf("pod %s/%s, container %s", c.namespace, c.pod, c.name)
}

// repository says which repository a data function works on.
type repository struct {
	profile     *compat.Profile
	path        string
	insecureTLS bool
	// namespace is the one that the data belongs to.
	namespace string
}

// repositoryAt resolves the artifact prefix of a data function.
func (e *Env) repositoryAt(prefix, namespace string, insecureTLS bool) (repository, error) {
	if e.Params == nil || e.Params.Profile == nil {
		return repository{}, errors.New("the function keeps data in the location of a profile, and the action was started without one: name it with --profile")
	}
	return repository{
		profile:     e.Params.Profile,
		path:        store.Path(e.Params.Profile, prefix),
		insecureTLS: insecureTLS,
		namespace:   namespace,
	}, nil
}

// of returns the repository of one of several pods.
func (r repository) of(pod string) repository {
	r.path = path.Join(r.path, pod)
	return r
}

// request starts a request to the data mover.
func (r repository) request(op agent.Op) agent.Request {
	return agent.Request{
		Op:          op,
		Profile:     r.profile,
		Repository:  r.path,
		Namespace:   r.namespace,
		InsecureTLS: r.insecureTLS,
	}
}

// moveData runs a request to the data mover in the container.
func (e *Env) moveData(ctx context.Context, at container, req agent.Request) (agent.Result, error) {
	e.taint(req.Password)
	if req.Postgres != nil {
		e.taint(req.Postgres.Server.Password)
	}
	res, err := agent.Call(ctx, e.execIn(at), at.String(), req, e.moved)
	if err == nil && res.By != "" {
		e.Log.Info("done by another program than rescue: see the section on programs in docs/moving-data.md for what it leaves out",
			"program", res.By, "operation", string(req.Op), "pod", at.pod)
	}
	if answer := (*mover.Error)(nil); err != nil && ctx.Err() == nil && !errors.As(err, &answer) {
		// It did not come to tell what was wrong.
		err = fmt.Errorf("%w\n%s", err, e.stateOf(ctx, ExecOptions{Namespace: at.namespace, Pod: at.pod, Container: at.name}))
	}
	return res, err
}

// execIn adapts the pod executor to the data mover's protocol.
func (e *Env) execIn(at container) agent.Exec {
	return func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
		err := e.Exec.Exec(ctx, ExecOptions{
			Namespace: at.namespace,
			Pod:       at.pod,
			Container: at.name,
			Command:   command,
			Stdin:     stdin,
			Stdout:    stdout,
			Stderr:    stderr,
		})
		if exit := (*ExitError)(nil); errors.As(err, &exit) {
			return &agent.StatusError{Status: exit.Code, Err: err}
		}
		return err
	}
}

// moved passes progress on.
func (e *Env) moved(p mover.Progress) {
	if e.Progress == nil {
		return
	}
	e.Progress(Progress{
		HashedBytes:    p.Hashed,
		CachedBytes:    p.Cached,
		UploadedBytes:  p.Uploaded,
		RestoredBytes:  p.Restored,
		EstimatedBytes: p.Estimated,
	})
}

// formatSize writes a number of bytes as restic does, because blueprints have been
// seen to read it: 1.234 MiB.
func formatSize(bytes int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	size, unit := float64(bytes), ""
	for _, u := range units {
		if size < 1024 {
			break
		}
		size, unit = size/1024, u
	}
	if unit == "" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.3f %s", size, unit)
}

// firstOf joins a few of many names for a message.
func firstOf(names []string, count int) string {
	text := strings.Join(names, ", ")
	if count > len(names) {
		text += ", …"
	}
	return text
}
