package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rescuecue/rescue/interp/run"
)

// gcAtOnce is how many things are removed at a time.
const gcAtOnce = 8

// remove removes what may be removed, and tells whether something could not be.
func (g *collection) remove(ctx context.Context) (failed bool) {
	byRun := map[string][]*gcItem{}
	var order []string
	for _, item := range g.items {
		if !item.removable || item.Going {
			continue
		}
		if byRun[item.Run] == nil {
			order = append(order, item.Run)
		}
		byRun[item.Run] = append(byRun[item.Run], item)
	}
	for _, id := range order {
		failed = g.removeRun(ctx, id, byRun[id]) || failed
	}
	return failed
}

// removeRun removes the things of one run. It holds the run's journal meanwhile, so that
// nobody takes the run up again.
func (g *collection) removeRun(ctx context.Context, id string, items []*gcItem) (failed bool) {
	if items[0].RunState != runUnknown {
		journal, err := run.OpenJournal(g.journals(), id)
		if errors.Is(err, run.ErrRunning) {
			fmt.Fprintf(g.streams.Stderr, "run %s has just been taken up again: nothing of it is removed\n", id)
			return false
		}
		if err != nil {
			for _, item := range items {
				item.fail(err)
			}
			return true
		}
		defer journal.Close() // nothing was written to it
	}
	return g.removeItems(ctx, items)
}

// removeItems removes pods first, then what they may use.
func (g *collection) removeItems(ctx context.Context, items []*gcItem) (failed bool) {
	var pods, others []*gcItem
	for _, item := range items {
		if item.Kind == "Pod" {
			pods = append(pods, item)
		} else {
			others = append(others, item)
		}
	}
	var mu sync.Mutex
	for _, batch := range [][]*gcItem{pods, others} {
		var group errgroup.Group
		group.SetLimit(gcAtOnce)
		for _, item := range batch {
			group.Go(func() error {
				err := item.Remove(ctx)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					item.fail(err)
					failed = true
					return nil
				}
				item.Outcome = outcomeRemoved
				return nil
			})
		}
		_ = group.Wait() // what went wrong stands in the items
	}
	return failed
}
