package rds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// longestWait bounds the SDK's waiters, which need a limit. The phase's own timeout
// comes first, if it has one.
const longestWait = 7 * 24 * time.Hour

const (
	// lateLooks is how many looks in a row may find nothing of what was just made: RDS
	// answers a request before all of it knows of the new thing.
	lateLooks = 20
	// blindLooks is how many looks in a row may fail for reasons that pass. Each of
	// them is several attempts of the SDK's.
	blindLooks = 10
)

// hopeless are states from which an instance or a cluster does not become available by
// itself, other than those that the SDK's waiters know.
var hopeless = map[string]string{
	"stopped":                             "start it",
	"storage-full":                        "give it more storage",
	"restore-error":                       "",
	"incompatible-network":                "its subnet group or its network does not fit",
	"incompatible-option-group":           "its option group does not fit",
	"incompatible-create":                 "",
	"insufficient-capacity":               "AWS has no room for it in that zone now: try again later",
	"inaccessible-encryption-credentials": "its KMS key cannot be used",
}

// A look is what a waiter has seen of a thing: its state, and its name.
type look struct {
	found  bool
	status string
	name   string
}

// A watch follows what a waiter of the SDK sees. It adds what the waiters lack: they
// take a thing that does not show yet for a failure, as well as an error that passes,
// they wait for ever in states that do not end, and they do not say what they saw.
type watch struct {
	what, goal string
	// lateStart allows for the thing not being there yet.
	lateStart bool
	// named is the name that the thing must get, empty for any.
	named string
	// ends are states that do not lead to the goal; nil when waiting for a deletion.
	ends map[string]string

	last          string
	absent, blind int
}

type judgement[I, O any] = func(context.Context, I, O, error) (bool, error)

// watching wraps a waiter's own judgement.
func watching[I, O any](w *watch, verdict judgement[I, O], see func(O) look) judgement[I, O] {
	return func(ctx context.Context, in I, out O, err error) (bool, error) {
		if err != nil {
			if w.sitsOut(ctx, err) {
				return true, nil
			}
			return verdict(ctx, in, out, err)
		}
		w.blind = 0
		now := see(out)
		if !now.found && w.lateStart {
			w.absent++
			return w.absent < lateLooks, w.neverSeen()
		}
		if now.found {
			w.last = now.status
		}
		if w.named != "" && now.name != w.named {
			return w.waitsForName(now)
		}
		w.absent = 0
		if advice, bad := w.ends[now.status]; bad {
			return false, stuck(now.status, advice)
		}
		return verdict(ctx, in, out, nil)
	}
}

// waitsForName tells whether to look again at a thing that has another name. One that is
// doing nothing is not about to get it, unless RDS has only just been asked.
func (w *watch) waitsForName(now look) (bool, error) {
	w.last = fmt.Sprintf("%s, still named %s", now.status, now.name)
	if now.status == "renaming" {
		w.absent = 0
		return true, nil
	}
	if w.absent++; w.absent >= lateLooks {
		return false, stuck(w.last, "")
	}
	return true, nil
}

// sitsOut tells whether to look again after an error.
func (w *watch) sitsOut(ctx context.Context, err error) bool {
	switch {
	case ctx.Err() != nil:
		return false
	case awsaccess.NotFound(err):
		w.absent++
		return w.lateStart && w.absent < lateLooks
	case retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary:
		w.blind++
		return w.blind < blindLooks
	}
	return false
}

func (w *watch) neverSeen() error {
	if w.absent < lateLooks {
		return nil
	}
	return errors.New("RDS does not show it")
}

type stuckError struct{ status, advice string }

func stuck(status, advice string) error { return &stuckError{status, advice} }

func (e *stuckError) Error() string {
	text := "it is " + e.status + ", and does not leave that state by itself"
	if e.advice != "" {
		text += ": " + e.advice
	}
	return text
}

// explain says what the waiting was for and what was last seen.
func (c *Client) explain(ctx context.Context, w *watch, err error) error {
	if err == nil {
		return nil
	}
	seen := ""
	if w.last != "" {
		seen = "; it was last seen " + w.last
	}
	task := fmt.Sprintf("wait for %s to be %s", w.what, w.goal)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s%s: %w", task, seen, ctx.Err())
	case awsaccess.Code(err) != "":
		return c.Account.Explain(err, "%s", task+seen)
	case isStuck(err):
		return fmt.Errorf("%s: %w", task, err)
	case slices.Contains(failures, w.last):
		return fmt.Errorf("%s: it has become %s: RDS's events of it say why", task, w.last)
	}
	return fmt.Errorf("%s%s: %w", task, seen, err)
}

func isStuck(err error) bool {
	var s *stuckError
	return errors.As(err, &s)
}

// failures are the states in which the SDK's waiters give up.
var failures = []string{"deleted", "deleting", "failed", "incompatible-restore", "incompatible-parameters"}

// pace sets the pauses of a waiter.
func (c *Client) pace(least, longest *time.Duration) {
	*least, *longest = c.Account.Options.Polling()
}

// pause waits between two attempts.
func (c *Client) pause(ctx context.Context) error {
	least, _ := c.Account.Options.Polling()
	timer := time.NewTimer(least)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
