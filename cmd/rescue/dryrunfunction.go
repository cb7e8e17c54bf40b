package main

import (
	"context"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/graph"
)

// tryFunction has the function of a phase ask the cluster about what it is going to do, if it
// can and what it reads for that is known.
func (tr *trial) tryFunction(ctx context.Context, p *graph.Phase) error {
	rehearsal, ok := funcs.RehearsalOf(p.Func)
	if !ok || len(p.MissingRights) > 0 {
		return nil
	}
	if at := unknownOf(p, rehearsal.Reads); at != "" {
		p.NotSure = append(p.NotSure, "the cluster was not asked about what it does: "+at+" is only known in the run")
		return nil
	}
	env := *tr.opts.Env
	env.Params = tr.opts.Params
	err := rehearsal.Ask(ctx, &env, p.Args)
	if err == nil {
		return nil
	}
	if err := unanswered(ctx, "what it does", err); err != nil {
		return err
	}
	tr.judge(p, "what it does", err)
	return nil
}

// unknownOf is the first of the arguments of which something is not known, or empty.
func unknownOf(p *graph.Phase, args []string) string {
	for _, u := range p.Unknown {
		name, _, _ := strings.Cut(u.At, ".")
		name, _, _ = strings.Cut(name, "[")
		if name == "" {
			return "which arguments it has"
		}
		if slices.Contains(args, name) {
			return u.At
		}
	}
	return ""
}
