package agent

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/rds/pg"
	"github.com/rescuecue/rescue/funcs/store"
)

// dumpPostgres streams the dump into the object. When the dump fails, so does the
// upload, which leaves no object.
func dumpPostgres(ctx context.Context, req Request, out *lines) (_ Result, err error) {
	s, err := openForPostgres(ctx, req)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from, to := io.Pipe()
	var dumped pg.Dumped
	done := make(chan error, 1)
	go func() {
		n, err := pg.Dump(ctx, *req.Postgres, to)
		dumped = n
		to.CloseWithError(err) // nil is the end of the stream
		done <- err
	}()
	_, putErr := s.Put(ctx, req.Key, &meter{r: from, report: func(n int64) { out.progress(mover.Progress{Uploaded: n}) }})
	from.CloseWithError(putErr)
	if err := <-done; err != nil && (putErr == nil || errors.Is(putErr, err)) {
		return Result{}, err
	}
	return Result{Dumped: &dumped}, putErr
}

// loadPostgres streams the object into the server.
func loadPostgres(ctx context.Context, req Request, out *lines) (_ Result, err error) {
	s, err := openForPostgres(ctx, req)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from, to := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s.Get(ctx, req.Key, to)
		to.CloseWithError(err) // nil is the end of the stream
		done <- err
	}()
	loaded, err := pg.Load(ctx, req.Postgres.Server, &meter{r: from, report: func(n int64) { out.progress(mover.Progress{Restored: n}) }})
	from.CloseWithError(errNotWanted)
	if getErr := <-done; getErr != nil && !errors.Is(getErr, errNotWanted) {
		return Result{}, getErr
	}
	return Result{Loaded: &loaded}, err
}

// errNotWanted ends a download that nobody reads any more.
var errNotWanted = errors.New("the rest is not wanted")

func openForPostgres(ctx context.Context, req Request) (store.Store, error) {
	if req.Postgres == nil || req.Key == "" {
		return nil, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("%s: the server or the key is missing", req.Op)}
	}
	return store.Open(ctx, req.Profile)
}

// meterStep is how many bytes pass between two reports.
const meterStep = 4 << 20

// meter reports how much was read.
type meter struct {
	r      io.Reader
	report func(int64)
	n      int64
	told   int64
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if m.n-m.told >= meterStep {
		m.told = m.n
		m.report(m.n)
	}
	return n, err
}
