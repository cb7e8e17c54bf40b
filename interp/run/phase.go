package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
)

// runPhase runs one phase, again if the blueprint asks for that.
func (r *runner) runPhase(ctx context.Context, ph *interp.Phase) error {
	pause := ph.Backoff
	for attempt := 1; ; attempt++ {
		r.begin(ph, attempt)
		output, err := r.attempt(ctx, ph)
		if err == nil {
			return r.keep(ph, output)
		}
		if attempt >= ph.Attempts || ctx.Err() != nil {
			return err
		}
		r.log.Warn("phase failed and is tried again", "phase", ph.Title(), "attempt", attempt, "pause", pause, "error", err)
		if !sleep(ctx, pause) {
			return err
		}
		pause *= 2
	}
}

// attempt reads what the phase needs and calls its function.
func (r *runner) attempt(ctx context.Context, ph *interp.Phase) (funcs.Output, error) {
	if ph.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, ph.Timeout, fmt.Errorf("the phase's timeout of %s has passed", ph.Timeout))
		defer cancel()
	}
	if err := r.readObjects(ctx, ph); err != nil {
		return nil, err
	}
	args, err := r.state.Args(ph)
	if err != nil {
		return nil, err
	}
	f, err := r.Registry.Lookup(ph.Func)
	if err != nil {
		return nil, err
	}
	output, err := f.Exec(ctx, r.env(ph), args)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return output, err
}

// env is the run's environment as one phase sees it.
func (r *runner) env(ph *interp.Phase) *funcs.Env {
	env := *r.Env
	env.Log = r.log.With(slog.String("phase", ph.Title()))
	env.Params = r.state.Params(ph)
	env.Labels = map[string]string{}
	maps.Copy(env.Labels, r.Env.Labels)
	env.Labels[Label] = r.ID
	env.Labels[PhaseLabel] = LabelValue(ph.Title())
	return &env
}

// readObjects fetches the Secrets and ConfigMaps that the phase names.
func (r *runner) readObjects(ctx context.Context, ph *interp.Phase) error {
	refs, err := r.state.Objects(ph)
	if err != nil || len(refs) == 0 {
		return err
	}
	secrets, configMaps := map[string]compat.Secret{}, map[string]compat.ConfigMap{}
	for name, ref := range refs {
		if ref.Kind == "ConfigMap" {
			configMaps[name], err = r.Objects.ConfigMap(ctx, ref.Namespace, ref.Name)
		} else {
			secrets[name], err = r.Objects.Secret(ctx, ref.Namespace, ref.Name)
			r.redact.AddSecret(secrets[name])
		}
		if err != nil {
			return fmt.Errorf("object %s: %w", name, err)
		}
	}
	r.state.SetObjects(ph, secrets, configMaps)
	return nil
}

// keep makes a phase's output visible and durable before anything relies on it.
func (r *runner) keep(ph *interp.Phase, output funcs.Output) error {
	if output == nil {
		output = funcs.Output{}
	}
	if err := r.state.SetOutput(ph, output); err != nil {
		return err
	}
	r.byName[ph.Name].Output = output
	return nil
}

// begin and settle are the two ends of a phase in result, journal and log. settle
// runs in the scheduler's goroutine, so that results have one writer at a time.
func (r *runner) begin(ph *interp.Phase, attempt int) {
	p := r.byName[ph.Name]
	now := r.Env.Clock()
	if p.Started == nil {
		p.Started = &now
	}
	p.State, p.Attempts = Running, attempt
	r.record(Event{Kind: PhaseStarted, Phase: ph.Title(), Func: ph.Func, Attempt: attempt})
}

func (r *runner) settle(ctx context.Context, ph *interp.Phase, err error) {
	p := r.byName[ph.Name]
	now := r.Env.Clock()
	p.Ended = &now
	if err == nil {
		p.State = Complete
		r.record(Event{Kind: PhaseFinished, Phase: ph.Title(), State: Complete, Output: p.Output})
		return
	}
	p.State = Failed
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		p.State = Cancelled
	}
	p.Error = r.redact.Text(err.Error())
	if !errors.Is(err, errNotNeeded) {
		r.addError(fmt.Errorf("phase %s (%s): %w", ph.Title(), ph.Func, err))
	}
	r.record(Event{Kind: PhaseFinished, Phase: ph.Title(), State: p.State, Error: p.Error})
}

// sleep waits and says whether the time has passed rather than the context.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
