package kando

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// objects is an object store. What is pushed becomes the object of its path.
type objects struct {
	store   store.Store
	profile *compat.Profile
	key     string
}

func openObjects(ctx context.Context, profile *compat.Profile, f *locationFlags) (place, error) {
	if f.snapshot != "" {
		return nil, fmt.Errorf("--kopia-snapshot names a snapshot of a Kopia repository server, and the location is of the type %s: "+
			"give the profile or the repository server that the snapshot was pushed to, or leave --kopia-snapshot out", profile.Location.Type)
	}
	key, err := store.Key(profile, f.path)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, profile)
	if err != nil {
		return nil, err
	}
	return &objects{store: s, profile: profile, key: key}, nil
}

func (o *objects) push(ctx context.Context, source string, stdin io.Reader) (string, error) {
	in, err := openSource(ctx, source, stdin)
	if err != nil {
		return "", err
	}
	_, err = o.store.Put(ctx, o.key, in)
	return "", errors.Join(err, in.Close())
}

func (o *objects) pull(ctx context.Context, target string, stdout io.Writer) error {
	return writeTo(target, stdout, func(w io.Writer) error {
		_, err := o.store.Get(ctx, o.key, w)
		return err
	})
}

func (o *objects) delete(ctx context.Context) error {
	_, err := store.DeletePrefix(ctx, o.store, o.key)
	return err
}

func (o *objects) close(context.Context) error { return o.store.Close() }
