package funcs

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/store"
)

type locationDeleteArgs struct {
	Artifact string `json:"artifact"`
}

// LocationDelete deletes an artifact from the location of the action's profile:
// the object of that path, and all below it. Kanister takes every object whose
// path starts with the same text along; of a/b this never deletes a/bc.
func LocationDelete() Func {
	return fn[locationDeleteArgs]{name: "LocationDelete", exec: locationDelete, access: access.If(access.ClaimLocation, access.DataPod(access.WithLocation))}
}

func locationDelete(ctx context.Context, env *Env, a locationDeleteArgs) (Output, error) {
	if env.Params == nil || env.Params.Profile == nil {
		return nil, errors.New("LocationDelete needs a profile, which says where the artifact is")
	}
	p := env.Params.Profile
	key, err := store.ArtifactKey(p, a.Artifact)
	if err != nil {
		return nil, err
	}
	remove := deleteHere
	if inClaim(p.Location) {
		remove = env.deleteInPod
	}
	count, err := remove(store.Learning(ctx, env.taint), p, key)
	if err != nil {
		return nil, err
	}
	env.Log.LogAttrs(ctx, slog.LevelInfo, "deleted from the location", slog.String("path", key), slog.Int("objects", count))
	return Output{}, nil
}

// deleteHere deletes the objects from this process, as Kanister does, and returns how
// many there were.
func deleteHere(ctx context.Context, p *compat.Profile, key string) (count int, err error) {
	s, err := store.Open(ctx, p)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return store.DeletePrefix(ctx, s, key)
}

// inClaim tells whether only pods can see the location.
func inClaim(l compat.Location) bool {
	if l.Type != compat.LocationFilesystem || l.Claim == "" {
		return false
	}
	_, err := os.Stat(l.Endpoint)
	return errors.Is(err, os.ErrNotExist)
}

// deleteInPod deletes the objects in a pod that mounts the location's claim.
func (e *Env) deleteInPod(ctx context.Context, p *compat.Profile, key string) (int, error) {
	pod := dataPod{prefix: "location-delete-", namespace: e.locationNamespace()}
	req := agent.Request{Op: agent.OpDeleteObjects, Profile: p, Key: key}
	count := 0
	err := e.inDataPod(ctx, pod, func(ctx context.Context, at container) error {
		res, err := e.moveData(ctx, at, req)
		if err == nil {
			count = res.Deleted.Objects
		}
		return err
	})
	return count, err
}
