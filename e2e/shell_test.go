//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs"
)

// begins is how often a script is begun whose connection breaks.
const begins = 3

// shell runs a script that prepares a test or looks at what came of it, and returns what it
// prints. On a busy node the connection to a command may break before its end: that is for
// the tests of KubeExec, so such a script is begun again. An exit status is an answer.
func shell(ctx context.Context, t testing.TB, env *funcs.Env, o funcs.ExecOptions, stdin string) (string, error) {
	t.Helper()
	for begun := 1; ; begun++ {
		var out, talk bytes.Buffer
		o.Stdin, o.Stdout, o.Stderr = nil, &out, &talk
		if stdin != "" {
			o.Stdin = io.Reader(strings.NewReader(stdin))
		}
		err := env.Exec.Exec(ctx, o)
		if err == nil {
			return out.String(), nil
		}
		err = fmt.Errorf("pod %s/%s: %w\n%s", o.Namespace, o.Pod, err, talk.String())
		if begun == begins || !isBroken(err) || ctx.Err() != nil {
			return "", err
		}
		t.Logf("begun %d times, and once more: %v", begun, err)
	}
}

// isBroken tells whether a command ended without an exit status.
func isBroken(err error) bool {
	var exit *funcs.ExitError
	return err != nil && !errors.As(err, &exit)
}
