package vet

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// CheckAll checks the units, several at a time, and returns all findings in their
// one order. The error says which units could not be checked for a fault of the
// checker.
func CheckAll(units []Unit) ([]Finding, error) {
	var (
		work     = make(chan Unit)
		mu       sync.Mutex
		findings []Finding
		failures []error
		wg       sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), max(1, len(units))) {
		wg.Go(func() {
			for u := range work {
				found, err := guarded([]Unit{u}, func(us []Unit) []Finding { return checkUnit(us[0]) })
				mu.Lock()
				findings = append(findings, found...)
				if err != nil {
					failures = append(failures, err)
				}
				mu.Unlock()
			}
		})
	}
	for _, u := range units {
		work <- u
	}
	close(work)
	wg.Wait()
	found, err := guarded(units, checkRequests)
	findings, failures = append(findings, found...), append(failures, err)
	Sort(findings)
	return one(findings), errors.Join(failures...)
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
