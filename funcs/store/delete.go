package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
)

// deleters is how many objects are deleted at a time.
const deleters = 8

// DeletePrefix deletes the object under key and all those below it, and returns
// how many there were. Of a/b it deletes a/b and a/b/c, never the neighbour a/bc.
func DeletePrefix(ctx context.Context, s Store, key string) (int, error) {
	key = strings.TrimSuffix(key, "/")
	if key == "" {
		return 0, errors.New("an empty key would delete the whole location")
	}
	count := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deleters)
	// The list of key itself, so that the count is right; a store does not say
	// whether it deleted anything. Its neighbours that come with it are let be.
	err := s.List(ctx, key, func(o Object) error {
		if o.Key != key && !strings.HasPrefix(o.Key, key+"/") {
			return nil
		}
		count++
		group.Go(func() error { return s.Delete(ctx, o.Key) })
		return nil
	})
	if failed := group.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		return 0, fmt.Errorf("delete %s: %w", key, err)
	}
	return count, nil
}
