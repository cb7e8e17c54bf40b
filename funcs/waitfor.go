package funcs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rescuecue/rescue/funcs/kube"
)

// A waiter waits until one of the conditions in anyOf is met, or all in allOf.
type waiter struct {
	anyOf, allOf []*waitCondition
	objects      []*waitObject

	mu sync.Mutex // for all below it, in objects and conditions too
}

// A waitObject is an object that conditions look at.
type waitObject struct {
	objectTarget
	conditions []*waitCondition

	seen  bool
	state *unstructured.Unstructured // nil: there is no such object
	fault error
}

var (
	errMet         = errors.New("the conditions are met")
	errWaitTimeout = errors.New("the time is over")
)

// waitFor compiles all conditions before it asks the API server for anything. Then it
// watches the objects, and evaluates their conditions whenever one changes.
func waitFor(ctx context.Context, env *Env, a waitArgs, parse conditionParser) (Output, error) {
	limit, err := a.limit()
	if err != nil {
		return nil, err
	}
	w := &waiter{}
	if w.anyOf, w.allOf, err = a.Conditions.compile(parse); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errWaitTimeout)
	defer cancel()
	if err := w.resolve(ctx, env); err != nil {
		return nil, err
	}
	err = w.run(ctx)
	switch {
	case err == nil:
		return Output{}, nil
	case ctx.Err() == nil:
		return nil, err
	case context.Cause(ctx) == errWaitTimeout:
		return nil, fmt.Errorf("the conditions were not met within %s: %w%s\nto go on: see what keeps the objects from that state, "+
			"or give a longer timeout", limit, context.DeadlineExceeded, w.lastSeen())
	}
	return nil, fmt.Errorf("%w while waiting for conditions%s", ctx.Err(), w.lastSeen())
}

// resolve finds the objects of the conditions, each once.
func (w *waiter) resolve(ctx context.Context, env *Env) error {
	var errs []error
	for _, c := range w.conditions() {
		t, err := env.target(ctx, c.reference, "")
		if err != nil {
			errs = append(errs, fmt.Errorf("conditions.%s: %w", c.place, err))
			continue
		}
		i := slices.IndexFunc(w.objects, func(o *waitObject) bool {
			return o.Resource == t.Resource && o.namespace == t.namespace && o.name == t.name
		})
		if i < 0 {
			i = len(w.objects)
			w.objects = append(w.objects, &waitObject{objectTarget: t})
		}
		c.of = w.objects[i]
		c.of.conditions = append(c.of.conditions, c)
	}
	return errors.Join(errs...)
}

// conditions are those of both lists.
func (w *waiter) conditions() []*waitCondition { return slices.Concat(w.anyOf, w.allOf) }

// run returns nil when the conditions are met.
func (w *waiter) run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, o := range w.objects {
		all.Go(func() error {
			err := kube.Observe(ctx, kube.Dynamic(o.client), o.name, func(state *unstructured.Unstructured, exists bool) (bool, error) {
				return false, w.see(o, state)
			})
			if errors.Is(err, errMet) || ctx.Err() != nil {
				return err
			}
			return w.fail(o, err)
		})
	}
	err := all.Wait()
	if errors.Is(err, errMet) {
		return nil
	}
	return err
}

// see takes a state of an object. The error is the verdict on the whole.
func (w *waiter) see(o *waitObject, state *unstructured.Unstructured) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	o.seen, o.state, o.fault = true, state, nil
	for _, c := range o.conditions {
		if err := c.look(state); err != nil && o.fault == nil {
			o.fault = fmt.Errorf("conditions.%s (%s): %s", c.place, o, o.public(err.Error()))
		}
	}
	return w.verdict()
}

// fail notes that an object cannot be seen, which the other objects may make up for.
func (w *waiter) fail(o *waitObject, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.fault == nil {
		o.fault = fmt.Errorf("conditions.%s (%s): %w", o.conditions[0].place, o, err)
	}
	o.seen = true
	return w.verdict()
}

// verdict is errMet, or what makes waiting useless. That is only said when each
// object was looked at once, so that it does not depend on who answers first.
func (w *waiter) verdict() error {
	if w.met() {
		return errMet
	}
	var faults []error
	for _, o := range w.objects {
		if !o.seen {
			return nil
		}
		faults = append(faults, o.fault)
	}
	return errors.Join(faults...)
}

func (w *waiter) met() bool {
	isMet := func(c *waitCondition) bool { return c.met }
	notMet := func(c *waitCondition) bool { return !c.met }
	return slices.ContainsFunc(w.anyOf, isMet) || len(w.allOf) > 0 && !slices.ContainsFunc(w.allOf, notMet)
}

// lastSeen says how each condition stands, for an error.
func (w *waiter) lastSeen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, c := range w.conditions() {
		b.WriteString("\n    " + c.String())
	}
	return b.String()
}

// public is the text, unless it may show what a Secret holds.
func (o *waitObject) public(text string) string {
	if o.Group == "" && o.Kind == "Secret" {
		return "(not shown: it may hold a part of the Secret)"
	}
	return text
}
