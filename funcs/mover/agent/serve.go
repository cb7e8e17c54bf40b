package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/store"
)

// Exit statuses of Serve.
const (
	exitDone    = 0
	exitFailed  = 1
	exitRequest = 2
)

// errCallerGone ends the work of a request whose caller went away.
var errCallerGone = errors.New("the caller went away")

// Serve answers the one request on stdin and returns the exit status of the
// process: 0 if the last line on stdout is a result, 1 if it is an error, 2 if
// the request could not be read. It never writes a secret to stdout or stderr.
func Serve(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &lines{enc: json.NewEncoder(stdout)}
	dec := json.NewDecoder(stdin)
	req, err := readRequest(dec)
	status := exitRequest
	keys := &store.Learned{}
	if err == nil {
		ctx, stop := watch(ctx, req, io.MultiReader(dec.Buffered(), stdin))
		defer stop()
		err = answer(store.Learning(ctx, keys.Add), req, out)
		status = exitFailed
	}
	if err == nil {
		return exitDone
	}
	// The caller masks what it knows, which the keys of a role are not among.
	text := keys.Mask(err.Error())
	last := event{Error: &eventError{Code: mover.CodeOf(err), Message: text}}
	if lost := out.write(last); lost != nil {
		fmt.Fprintf(stderr, "rescue mover: %s\nrescue mover: cannot write the answer: %v\n", text, lost)
	}
	return status
}

// watch returns a context that ends when the caller does. What the caller sends
// after its request only shows that it is alive.
func watch(ctx context.Context, req Request, rest io.Reader) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if req.Attached {
		go func() {
			// How the input ended makes no difference.
			_, _ = io.Copy(io.Discard, rest)
			cancel(errCallerGone)
		}()
	}
	return ctx, func() { cancel(nil) }
}

// answer does the work and writes the result.
func answer(ctx context.Context, req Request, out *lines) error {
	res, err := perform(ctx, req, out)
	if err != nil {
		return err
	}
	return out.write(event{Result: &res})
}

func perform(ctx context.Context, req Request, out *lines) (Result, error) {
	loc := req.location()
	switch req.Op {
	case OpProbe:
		exists, err := mover.Exists(ctx, loc)
		return Result{Exists: exists}, err
	case OpBackup:
		ahead := mover.LookAhead(req.Path)
		defer ahead.Close()
		return with(ctx, mover.OpenOrCreate, loc, req, out, func(ctx context.Context, r mover.Repository, req Request, out *lines) (Result, error) {
			return backup(ctx, r, ahead, req, out)
		})
	case OpRestore:
		return with(ctx, mover.Open, loc, req, out, restore)
	case OpDelete:
		return with(ctx, mover.Open, loc, req, out, remove)
	case OpStats:
		return with(ctx, mover.Open, loc, req, out, stats)
	case OpList:
		return with(ctx, mover.Open, loc, req, out, list)
	case OpCheck:
		return with(ctx, mover.Open, loc, req, out, check)
	case OpMeasure:
		return with(ctx, mover.Open, loc, req, out, measure)
	case OpReclaim:
		return with(ctx, mover.Open, loc, req, out, reclaim)
	case OpDeleteObjects:
		return deleteObjects(ctx, req)
	case OpDumpPostgres:
		return dumpPostgres(ctx, req, out)
	case OpLoadPostgres:
		return loadPostgres(ctx, req, out)
	}
	return Result{}, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("unknown operation %q", req.Op)}
}

type (
	opener    func(context.Context, mover.Location) (mover.Repository, error)
	operation func(context.Context, mover.Repository, Request, *lines) (Result, error)
)

// with does the operation on the opened repository.
func with(ctx context.Context, open opener, loc mover.Location, req Request, out *lines, do operation) (Result, error) {
	r, err := open(ctx, loc)
	if err != nil {
		return Result{}, err
	}
	res, err := do(ctx, r, req, out)
	// Closing flushes, which must happen also when the caller has gone.
	if closed := r.Close(context.WithoutCancel(ctx)); err == nil {
		err = closed
	}
	return res, err
}

func backup(ctx context.Context, r mover.Repository, ahead *mover.Ahead, req Request, out *lines) (Result, error) {
	res, err := r.Backup(ctx, mover.BackupRequest{
		Path: req.Path, Ahead: ahead, Tag: req.Tag, Tags: req.Tags, Origin: req.Origin, Parallel: req.Parallel, Progress: out.progress,
	})
	return Result{Backup: &res}, err
}

func restore(ctx context.Context, r mover.Repository, req Request, out *lines) (Result, error) {
	res, err := r.Restore(ctx, mover.RestoreRequest{
		Selector: req.Snapshot, Target: req.Target, SubPath: req.SubPath, Parallel: req.Parallel, Progress: out.progress,
	})
	return Result{Restore: &res}, err
}

func remove(ctx context.Context, r mover.Repository, req Request, _ *lines) (Result, error) {
	return Result{}, r.Delete(ctx, req.Snapshot)
}

func stats(ctx context.Context, r mover.Repository, req Request, _ *lines) (Result, error) {
	s, err := r.Find(ctx, req.Snapshot)
	return Result{Snapshots: []mover.Snapshot{s}}, err
}

func list(ctx context.Context, r mover.Repository, _ Request, _ *lines) (Result, error) {
	all, err := r.List(ctx)
	return Result{Snapshots: all}, err
}

func check(context.Context, mover.Repository, Request, *lines) (Result, error) { return Result{}, nil }

func measure(ctx context.Context, r mover.Repository, req Request, _ *lines) (Result, error) {
	res, err := r.Measure(ctx, req.Snapshot, req.Measure)
	return Result{Measured: &res}, err
}

func reclaim(ctx context.Context, r mover.Repository, _ Request, _ *lines) (Result, error) {
	res, err := r.Reclaim(ctx)
	return Result{Reclaimed: &res}, err
}

func deleteObjects(ctx context.Context, req Request) (_ Result, err error) {
	s, err := store.Open(ctx, req.Profile)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	count, err := store.DeletePrefix(ctx, s, req.Key)
	return Result{Deleted: &Deleted{Objects: count}}, err
}

// lines writes events, one a line.
type lines struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func (l *lines) write(e event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enc.Encode(e)
}

// progress drops a line that cannot be written: the result will find out.
func (l *lines) progress(p mover.Progress) { _ = l.write(event{Progress: &p}) }
