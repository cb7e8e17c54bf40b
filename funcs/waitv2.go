package funcs

import (
	"context"

	"github.com/rescuecue/rescue/compat"
)

// WaitV2 waits until objects are in a state. Its conditions are templates on the
// object; see compat.ParseWaitV2.
func WaitV2() Func { return fn[waitArgs]{name: "WaitV2", exec: waitV2, access: watchesObjects} }

func waitV2(ctx context.Context, env *Env, a waitArgs) (Output, error) {
	return waitFor(ctx, env, a, compat.ParseWaitV2)
}
