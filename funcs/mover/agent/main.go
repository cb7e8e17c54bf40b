package agent

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"
)

// idleLimit ends a pod that waits for work when whoever made it is long gone.
const idleLimit = 7 * 24 * time.Hour

// Main is the command `rescue mover`, args being what follows these words. Without
// arguments it serves one request. With `idle` it does nothing until it is told to
// end: that keeps a pod alive in which requests are served. It returns the exit
// status of the process.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// When the caller is gone, so is the reader of our output. Dying of that would
	// lose what was uploaded already.
	signal.Ignore(syscall.SIGPIPE)
	switch {
	case len(args) == 0:
		return Serve(ctx, stdin, stdout, stderr)
	case len(args) == 1 && args[0] == "idle":
		idle(ctx, idleLimit)
		return exitDone
	}
	fmt.Fprintf(stderr, "rescue mover: usage: rescue mover < REQUEST, or rescue mover idle; found the arguments %q\n", args)
	return exitRequest
}

// idleScript waits with rescue, or else with the shell of an image whose other programs
// can be used.
const idleScript = `command -v rescue >/dev/null && exec rescue mover idle
trap 'exit 0' TERM INT
sleep 604800 &
wait`

// IdleCommand is the command of a pod that waits for requests.
func IdleCommand() []string { return []string{"sh", "-c", idleScript} }

// idle waits for SIGTERM, the end of ctx, or the limit. The first process of a
// container gets no default signal handlers from the kernel, so it needs its own.
func idle(ctx context.Context, limit time.Duration) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	<-ctx.Done()
}
