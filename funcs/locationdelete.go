package funcs

import (
	"context"
	"errors"
	"log/slog"

	"github.com/rescuecue/rescue/funcs/store"
)

type locationDeleteArgs struct {
	Artifact string `json:"artifact"`
}

// LocationDelete deletes an artifact from the location of the action's profile:
// the object of that path, and all below it. Kanister takes every object whose
// path starts with the same text along; of a/b this never deletes a/bc.
func LocationDelete() Func {
	return fn[locationDeleteArgs]{name: "LocationDelete", exec: locationDelete}
}

func locationDelete(ctx context.Context, env *Env, a locationDeleteArgs) (_ Output, err error) {
	if env.Params == nil || env.Params.Profile == nil {
		return nil, errors.New("LocationDelete needs a profile, which says where the artifact is")
	}
	p := env.Params.Profile
	key, err := store.ArtifactKey(p, a.Artifact)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	count, err := store.DeletePrefix(ctx, s, key)
	if err != nil {
		return nil, err
	}
	env.Log.LogAttrs(ctx, slog.LevelInfo, "deleted from the location", slog.String("path", key), slog.Int("objects", count))
	return Output{}, nil
}
