package funcs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// deleteSnapshots deletes snapshots one after the other, in one pod. If one cannot be
// deleted, the others still are.
func (e *Env) deleteSnapshots(ctx context.Context, pod dataPod, doomed []snapshotIn, givenKey string, reclaim bool) (Output, error) {
	var errs []error
	for i := range doomed {
		key, err := e.keyForRestore(ctx, givenKey, doomed[i].repository)
		doomed[i].key = key
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	d := &deletion{Env: e, givenKey: givenKey}
	err := e.inDataPod(ctx, pod, func(ctx context.Context, at container) error {
		for _, s := range doomed {
			d.delete(ctx, at, s)
		}
		if reclaim {
			d.reclaim(ctx, at)
		}
		return d.failed(ctx)
	})
	if err != nil {
		return nil, err
	}
	return Output{"spaceFreed": fmt.Sprintf("%d B", d.freed)}, nil
}

// deletion is the work on several snapshots.
type deletion struct {
	*Env
	givenKey string
	deleted  []snapshotIn // also those that were gone already
	errs     []error
	freed    int64 // bytes
}

// delete deletes one snapshot. As with restic, an ID that the repository does not have
// is no error: the phase may run a second time. A tag that nothing has is one.
func (d *deletion) delete(ctx context.Context, at container, s snapshotIn) {
	if ctx.Err() != nil {
		return
	}
	req := s.request(agent.OpDelete)
	req.Password, req.Snapshot = s.key, s.which
	res, err := d.moveData(ctx, at, req)
	s.by = res.By
	switch {
	case err == nil:
		d.Log.Info("deleted", "snapshot", s.name(), "repository", s.path)
	case mover.CodeOf(err) == mover.CodeNotFound && s.which.ID != "":
		d.Log.Warn("there is no such snapshot to delete: it was deleted before, or the ID is wrong", "snapshot", s.name(), "repository", s.path)
	default:
		d.errs = append(d.errs, d.explainKey(err, d.givenKey, s.repository))
		return
	}
	d.deleted = append(d.deleted, s)
}

// reclaim frees the space of what was deleted, once in each repository: at one path there
// may be that of another program as well.
func (d *deletion) reclaim(ctx context.Context, at container) {
	done := map[[2]string]bool{}
	for _, s := range d.deleted {
		which := [2]string{s.path, s.by}
		if done[which] || ctx.Err() != nil {
			continue
		}
		done[which] = true
		req := s.request(agent.OpReclaim)
		req.Password, req.By = s.key, s.by
		res, err := d.moveData(ctx, at, req)
		if err != nil {
			d.errs = append(d.errs, fmt.Errorf("the snapshots are deleted, and their space could not be reclaimed: %w", err))
			continue
		}
		d.freed += res.Reclaimed.Freed
		if why := res.Reclaimed.Postponed; why != "" {
			d.Log.Warn("no space was reclaimed", "repository", s.path, "reason", why)
			continue
		}
		d.Log.Info("reclaimed", "repository", s.path, "size", formatSize(res.Reclaimed.Freed))
	}
}

// failed returns all errors, and what was deleted in spite of them.
func (d *deletion) failed(ctx context.Context) error {
	err := joined(ctx, d.errs)
	if err == nil || len(d.deleted) == 0 {
		return err
	}
	names := make([]string, len(d.deleted))
	for i, s := range d.deleted {
		names[i] = s.String()
	}
	return errors.Join(err, &mover.Error{Code: mover.CodeFailed, Text: "these are deleted all the same: " + strings.Join(names, ", ")})
}
