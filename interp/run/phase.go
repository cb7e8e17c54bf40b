package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
)

// Between two attempts of a phase passes at least firstPause, but for the second, whose
// pause the blueprint says; and at most longestPause, if the blueprint asks for no more.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// runPhase runs one phase that has begun, again if the blueprint asks for that.
func (r *runner) runPhase(ctx context.Context, ph *interp.Phase) error {
	for attempt := 1; ; attempt++ {
		output, err := r.attempt(ctx, ph, attempt)
		if err == nil {
			return r.keep(ph, output)
		}
		if attempt >= ph.Attempts || ctx.Err() != nil {
			return err
		}
		wait := pause(ph.Backoff, attempt, rand.Float64())
		r.log.Warn("phase failed and is tried again", "phase", ph.Title(), "attempt", attempt, "pause", wait.Round(time.Millisecond), "error", err)
		if !sleep(ctx, wait) {
			return err
		}
		if err := r.begin(ph, attempt+1); err != nil {
			return err
		}
	}
}

// pause is how long to wait after a number of attempts: twice as long each time, and up
// to a quarter more by chance, so that what failed together is not tried together.
// chance is at least 0 and less than 1.
func pause(backoff time.Duration, attempts int, chance float64) time.Duration {
	p := backoff
	for range attempts - 1 {
		if p = max(2*p, firstPause); p >= longestPause {
			p = max(longestPause, backoff)
			break
		}
	}
	return p + time.Duration(chance*float64(p)/4)
}

// attempt reads what the phase needs and calls its function, for the given time.
func (r *runner) attempt(ctx context.Context, ph *interp.Phase, number int) (funcs.Output, error) {
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
	env := r.env(ph)
	env.Attempt = number
	output, err := r.exec(ctx, f, env, ph, args)
	return output, withCause(ctx, err)
}

// withCause puts why the context has ended before the error of a function that it
// ended. What a function says when its time is over need not be an error of the
// context: that it was the time has to be said all the same.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	timedOut := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if err == nil || cause == nil || errors.Is(err, cause) || !timedOut && !isContextError(err) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// exec calls the function. A panic in it, or in a library below it, fails the phase
// like any error: what was created is removed and the defer phase runs.
func (r *runner) exec(ctx context.Context, f funcs.Func, env *funcs.Env, ph *interp.Phase, args map[string]any) (out funcs.Output, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Debug("stack of a function that failed inside", "phase", ph.Title(), "stack", string(debug.Stack()))
			err = fmt.Errorf("function %s failed inside, which is a mistake in it and not in the blueprint: %v", ph.Func, p)
		}
	}()
	return f.Exec(ctx, env, args)
}

// onlyStopped says whether an error is of a phase that was cancelled because another had
// failed, and says nothing else.
func onlyStopped(err error) bool {
	return errors.Is(err, errNotNeeded) && onlyEnded(err)
}

// onlyEnded says whether all that an error is made of is that a context has ended.
func onlyEnded(err error) bool {
	if err == errNotNeeded || err == context.Canceled || err == context.DeadlineExceeded {
		return true
	}
	switch err := err.(type) {
	case *multierror.Error: // Its Unwrap is not of its errors themselves.
		return !slices.ContainsFunc(err.Errors, isMore)
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(err.Unwrap(), isMore)
	case interface{ Unwrap() error }:
		return onlyEnded(err.Unwrap())
	default:
		return false
	}
}

func isMore(err error) bool { return !onlyEnded(err) }

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// env is the run's environment as one phase sees it.
func (r *runner) env(ph *interp.Phase) *funcs.Env {
	env := *r.Env
	env.Log = r.log.With(slog.String("phase", ph.Title()))
	env.Params = r.state.Params(ph)
	env.Secrets = r.redact
	env.Progress = r.follow(ph)
	env.Notes = r.notesOf(ph)
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
		if ref.Namespace == "" {
			ref.Namespace = r.Env.Namespace
		}
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
	r.resultOf(ph).Output = output
	return nil
}

// begin and settle are the two ends of a phase in result, journal and log. settle
// runs in the scheduler's goroutine, so that results have one writer at a time. It
// returns the error that the phase ended with.
func (r *runner) begin(ph *interp.Phase, attempt int) error {
	p := r.resultOf(ph)
	now := r.Env.Clock()
	if p.Started == nil {
		p.Started = &now
	}
	p.State, p.Attempts = Running, attempt+r.Earlier.attempts(ph.Name)
	return r.record(Event{Kind: PhaseStarted, Phase: ph.Name, Func: ph.Func, Attempt: p.Attempts})
}

func (r *runner) settle(ctx context.Context, ph *interp.Phase, err error) error {
	p := r.resultOf(ph)
	now := r.Env.Clock()
	p.Ended, p.Progress = &now, r.progressOf(ph)
	e := Event{Kind: PhaseFinished, Phase: ph.Name, State: Complete, Output: p.Output}
	if err != nil {
		p.State, p.Error = Failed, r.redact.Text(err.Error())
		if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			p.State = Cancelled
		}
		// A phase that was only stopped because another failed adds nothing; one that
		// could not clean up does.
		if !onlyStopped(err) {
			r.addError(fmt.Errorf("phase %s (%s): %w", ph.Title(), ph.Func, err))
		}
		e.State, e.Output, e.Error = p.State, nil, p.Error
	}
	if jerr := r.record(e); jerr != nil {
		// The phase is done, but nobody could know: the run must not go on.
		p.State = Failed
		r.addError(jerr)
		return jerr
	}
	if err == nil {
		p.State = Complete
	}
	return err
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
