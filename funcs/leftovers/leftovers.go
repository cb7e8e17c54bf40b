// Package leftovers finds what functions made for the time of a run, in the cluster and
// in AWS, and removes it one by one. Whether a run is over is for the caller to know.
package leftovers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// A Leftover is a thing that carries the marks of a run: its label, or in AWS its tag.
type Leftover struct {
	// Kind is that of the cluster, or DBInstance.
	Kind string
	// Place is the namespace, or the region of AWS.
	Place, Name string
	// Run and Phase that made it. Phase may be empty.
	Run, Phase string
	// Created is when it was made; AWS does not say so at first.
	Created time.Time
	// Going says that somebody has deleted it already.
	Going bool

	remove func(context.Context) error
}

// Remove deletes it, and waits until it is gone; in AWS, until AWS has begun. It never
// touches another thing that has got the same name since.
func (l Leftover) Remove(ctx context.Context) error {
	if err := l.remove(ctx); err != nil {
		return fmt.Errorf("remove %s: %w", l, err)
	}
	return nil
}

func (l Leftover) String() string { return l.Kind + " " + l.Place + "/" + l.Name }

// Unseen is where a finder could not look.
type Unseen struct {
	// Where it is, as text for people: pods of namespace shop.
	Where string
	Err   error
}

// Sort brings leftovers in the order in which they are to be shown: by run, the oldest
// first, then by kind, place and name.
func Sort(found []Leftover) {
	slices.SortFunc(found, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Name, b.Name))
	})
}
