package vet

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// CheckAll checks the units, several at a time, and returns all findings in their
// one order. The error says which units could not be checked for a fault of the
// checker.
func CheckAll(units []Unit) ([]Finding, error) { return new(Checker).CheckAll(units) }

// A Checker checks units again and again, and does again only what has changed. One
// goroutine uses it at a time.
type Checker struct {
	known map[digest]verdict
}

// A verdict is what a unit's check has brought.
type verdict struct {
	findings []Finding
	err      error
}

// CheckAll is CheckAll, with what is known of units that are as they were.
func (c *Checker) CheckAll(units []Unit) ([]Finding, error) {
	verdicts := make([]verdict, len(units))
	digests := make([]digest, len(units))
	eachAtOnce(len(units), func(i int) {
		digests[i] = digestOf(units[i])
		known, ok := c.known[digests[i]]
		if !ok || importsOthers(units[i]) {
			known.findings, known.err = guarded(units[i:i+1], func(us []Unit) []Finding { return checkUnit(us[0]) })
		}
		verdicts[i] = known
	})
	c.known = map[digest]verdict{}
	var findings []Finding
	var failures []error
	for i, v := range verdicts {
		c.known[digests[i]] = v
		findings, failures = append(findings, v.findings...), append(failures, v.err)
	}
	found, err := guarded(units, checkRequests)
	findings, failures = append(findings, found...), append(failures, err)
	return settle(units, findings), errors.Join(failures...)
}

// eachAtOnce calls do for 0 to n-1, as many at a time as there are processors.
func eachAtOnce(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// guarded turns a panic, of the CUE evaluator for instance, into an error: one odd
// file must not hide what is wrong with the others.
func guarded(units []Unit, check func([]Unit) []Finding) (findings []Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: internal error of the checker: %v; please report it with the file", units[0].Files[0].Name, p)
		}
	}()
	return check(units), nil
}
