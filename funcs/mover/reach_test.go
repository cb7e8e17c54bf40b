package mover

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kopia/kopia/repo"
)

// TestReach: how often a server is tried that is not there yet.
func TestReach(t *testing.T) {
	refused := errors.New("dial tcp 10.0.0.1:51515: connect: connection refused")
	silent := errors.New("dial tcp 10.0.0.1:51515: i/o timeout")
	hungUp := errors.New("rpc error: code = Unavailable desc = closing transport due to: EOF, received prior goaway")
	stranger := errors.New("rpc error: code = Unavailable desc = can't find certificate matching SHA256 fingerprint")
	denied := errors.New("rpc error: code = PermissionDenied")
	times := func(n int, err error) []error {
		errs := make([]error, n)
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	for name, c := range map[string]struct {
		answers []error // what comes after is success
		tries   int     // 0: any number
		err     error
		waited  bool
	}{
		"there":               {tries: 1},
		"starting":            {answers: times(20, refused), tries: 21, waited: true},
		"moved":               {answers: []error{silent, refused, silent}, tries: 4, waited: true},
		"its pod ends":        {answers: append(times(5, hungUp), times(5, refused)...), tries: 11, waited: true},
		"nobody there":        {answers: times(100, silent), err: silent, waited: true},
		"always hangs up":     {answers: times(100, hungUp), err: hungUp, waited: true},
		"another server":      {answers: []error{stranger}, tries: 1, err: stranger},
		"not let in":          {answers: []error{denied}, tries: 1, err: denied},
		"starts for too long": {answers: times(1000, refused), err: refused, waited: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, waits, start := 0, 0, time.Now()
				_, err := reach(t.Context(), func() { waits++ }, func() (repo.Repository, error) {
					tries++
					if tries <= len(c.answers) {
						return nil, c.answers[tries-1]
					}
					return nil, nil
				})
				if !errors.Is(err, c.err) || c.tries > 0 && tries != c.tries {
					t.Errorf("%d tries, error %v", tries, err)
				}
				if c.waited != (waits == 1) || waits > 1 {
					t.Errorf("told %d times that it waits", waits)
				}
				if took := time.Since(start); took > serverPatience {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
