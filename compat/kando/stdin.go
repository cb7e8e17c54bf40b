package kando

import (
	"context"
	"io"
)

// interruptible reads r until ctx ends. A read from a pipe whose writer is silent
// cannot be broken off; it is left behind, as the process is about to end.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		defer stop()
		_, err := io.Copy(in, r)
		in.CloseWithError(err) // nil is the end of the stream
	}()
	return out
}
