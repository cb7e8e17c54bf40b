package funcs

import (
	"context"

	"github.com/rescuecue/rescue/compat"
)

// Wait waits until objects are in a state. Its conditions paste values of the object
// into a template; see compat.ParseWait.
func Wait() Func { return fn[waitArgs]{name: "Wait", exec: wait, access: watchesObjects} }

func wait(ctx context.Context, env *Env, a waitArgs) (Output, error) {
	return waitFor(ctx, env, a, compat.ParseWait)
}
