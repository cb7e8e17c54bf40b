package rds

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// RestoreRequest says what to restore.
type RestoreRequest struct {
	// ID is the name of the database, Snapshot the one to restore it from.
	ID, Snapshot string
	// SecurityGroups and SubnetGroup; empty: those that the database has.
	SecurityGroups []string
	SubnetGroup    string
	// Origin are the tags that name this phase. A later attempt knows its work by them.
	// There may be none, outside of a run.
	Origin map[string]string
}

// Restore puts a database made of a snapshot in the place of the one that is there, or
// makes it if there is none. It returns the database.
//
// No step loses the old database before the new one serves under its name:
//
//  1. the snapshot is restored to ID-rescue-new, with the settings of the old database,
//     and is waited for until it is available;
//  2. the old database is tagged as replaced and renamed to ID-rescue-old;
//  3. the new one is renamed to ID, and is waited for until it is available there;
//  4. the old one is deleted. Its automated backups are kept for as long as they
//     were meant to be.
//
// When step 1 fails or is cancelled, what was made is deleted, and the old database was
// not touched. When 2 or 3 fails, the old one gets its name back. When 4 fails, the
// restore is done, and the error says which database is left.
//
// After a crash, another attempt sees by the names and tags how far the first one came:
//
//	ID    -new   -old   what happened                  what is done
//	old   -      -      nothing yet                    all of it
//	old   new    -      died in step 1                 goes on with new, if it is of the same snapshot
//	-     new    old    died between the renamings     goes on with step 3
//	-     -      old    new was deleted meanwhile      old gets its name back, then all of it
//	new   -      old    died before step 4             step 4; another phase then starts from step 1
//	new   -      -      died after step 4              nothing, if it is the same phase
func (c *Client) Restore(ctx context.Context, k Kind, r RestoreRequest) (*Database, error) {
	snapshot, err := c.usable(ctx, k, r.Snapshot)
	if err != nil {
		return nil, err
	}
	s := &swap{Client: c, kind: k, request: r, snapshot: snapshot, newID: Name(r.ID, suffixNew), oldID: Name(r.ID, suffixOld)}
	if err := s.look(ctx); err != nil {
		return nil, err
	}
	if err := s.pickUp(ctx); err != nil {
		return nil, err
	}
	if err := s.finish(ctx); err != nil {
		return nil, err
	}
	return c.existing(ctx, k, r.ID)
}

// A swap is a restore on its way.
type swap struct {
	*Client
	kind         Kind
	request      RestoreRequest
	snapshot     *Snapshot
	newID, oldID string

	current, fresh, old *Database // what has the three names; nil: nothing
}

func (s *swap) look(ctx context.Context) (err error) {
	for _, of := range []struct {
		id string
		db **Database
	}{{s.request.ID, &s.current}, {s.newID, &s.fresh}, {s.oldID, &s.old}} {
		if *of.db, err = s.settled(ctx, of.id); err != nil {
			return err
		}
	}
	return nil
}

// settled returns the database of that name, once it is neither being renamed nor
// deleted.
func (s *swap) settled(ctx context.Context, id string) (*Database, error) {
	for {
		db, err := s.kind.find(ctx, id)
		switch {
		case err != nil || db == nil:
			return nil, err
		case db.Status == "deleting":
			return nil, s.kind.waitDeleted(ctx, id)
		case db.Status != "renaming":
			return db, nil
		}
		if err := s.pause(ctx); err != nil {
			return nil, fmt.Errorf("wait for %s %s, which is being renamed: %w", s.kind.noun(), id, err)
		}
	}
}

// pickUp puts in order what an earlier attempt has left.
func (s *swap) pickUp(ctx context.Context) error {
	if err := s.checkNames(); err != nil {
		return err
	}
	switch {
	case s.current == nil && s.old != nil && s.fresh == nil:
		s.Log.Warn("an earlier restore died on its way: the database gets its name back", "database", s.request.ID)
		return s.nameBack(ctx)
	case s.current != nil && s.old != nil && s.old.Protected:
		return fmt.Errorf("%s %s is left over from an earlier restore of %s, and protected against deletion: delete it by hand first",
			s.kind.noun(), s.oldID, s.request.ID)
	case s.current != nil && s.old != nil:
		return s.dropOld(ctx)
	}
	return nil
}

// checkNames refuses to touch what merely has a name that this package uses.
func (s *swap) checkNames() error {
	if s.old != nil && s.old.Tags[TagReplaced] != s.request.ID {
		return fmt.Errorf("%s %s has the name that the replaced database gets, and was not put there by a restore: rename it", s.kind.noun(), s.oldID)
	}
	if s.fresh != nil && s.fresh.Tags[TagSnapshot] != s.snapshot.ID {
		return fmt.Errorf("%s %s is left over from a restore of snapshot %q: resume that one, or delete it",
			s.kind.noun(), s.newID, s.fresh.Tags[TagSnapshot])
	}
	return nil
}

// done tells whether the database is this very phase's work already.
func (s *swap) done() bool {
	return s.current != nil && s.fresh == nil && s.current.Tags[TagSnapshot] == s.snapshot.ID && has(s.current.Tags, s.request.Origin)
}

func (s *swap) finish(ctx context.Context) error {
	switch {
	case s.done():
		return s.confirm(ctx)
	case s.current == nil && s.old == nil && s.fresh == nil:
		return s.createOnly(ctx)
	}
	if err := s.prepare(ctx); err != nil {
		return errors.Join(err, s.nameBack(ctx))
	}
	return s.exchange(ctx)
}

// confirm is for a database that an earlier attempt has put in its place.
func (s *swap) confirm(ctx context.Context) error {
	s.Log.Info("an earlier attempt of this phase has restored the database already", "database", s.request.ID)
	plan := s.plan(s.request.ID)
	if slices.Contains(failures, s.current.Status) {
		return s.makeAgain(ctx, plan)
	}
	plan.model = nil // it is itself what it was made after
	if err := s.kind.complete(ctx, plan); err != nil {
		return err
	}
	return s.kind.settle(ctx, s.current)
}

// makeAgain is for a database that this phase has made, and that has failed.
func (s *swap) makeAgain(ctx context.Context, plan copyPlan) error {
	if err := plan.place(s.kind, s.current, s.request.ID); err != nil {
		return err
	}
	if err := errors.Join(s.discardNew(ctx, s.request.ID), s.kind.waitDeleted(ctx, s.request.ID)); err != nil {
		return err
	}
	return s.make(ctx, plan)
}

// plan says how to make the new database under a name.
func (s *swap) plan(id string) copyPlan {
	model := s.current
	if model == nil {
		model = s.old
	}
	p := copyPlan{
		id: id, snapshot: s.snapshot, model: model, tags: s.tags(model),
		securityGroups: s.request.SecurityGroups, subnetGroup: s.request.SubnetGroup,
	}
	return p
}

// tags are the user's own of the old database, and those that say where the new one
// came from.
func (s *swap) tags(model *Database) map[string]string {
	tags := map[string]string{}
	if model != nil {
		tags = usersTags(model.Tags)
	}
	return with(with(tags, s.request.Origin), map[string]string{TagSnapshot: s.snapshot.ID})
}

// createOnly makes the database where there is none.
func (s *swap) createOnly(ctx context.Context) error {
	plan := s.plan(s.request.ID)
	if err := plan.place(s.kind, nil, s.request.ID); err != nil {
		return err
	}
	return s.make(ctx, plan)
}

// prepare is step 1. It goes on with what an earlier attempt has begun.
func (s *swap) prepare(ctx context.Context) error {
	plan := s.plan(s.newID)
	if s.fresh != nil {
		s.Log.Info("going on with the database that an earlier attempt has made", "database", s.newID)
		if slices.Contains(failures, s.fresh.Status) {
			return errors.Join(fmt.Errorf("%s %s of an earlier attempt is %s", s.kind.noun(), s.newID, s.fresh.Status), s.discardNew(ctx, s.newID))
		}
		return s.orDiscard(ctx, s.kind.complete(ctx, plan), s.newID)
	}
	if err := plan.place(s.kind, plan.model, s.request.ID); err != nil {
		return err
	}
	return s.make(ctx, plan)
}

// make makes the new database, and removes it when that fails.
func (s *swap) make(ctx context.Context, plan copyPlan) error {
	s.Log.Info("restoring", "snapshot", s.snapshot.ID, "to", plan.id)
	err := s.kind.restore(ctx, plan)
	if err == nil {
		err = s.kind.complete(ctx, plan)
	}
	if alreadyExists(err) || err == nil {
		return err
	}
	return s.orDiscard(ctx, err, plan.id)
}

func (s *swap) orDiscard(ctx context.Context, err error, id string) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, s.discardNew(ctx, id))
}

func (s *swap) discardNew(ctx context.Context, id string) error {
	return s.discard(ctx, s.kind, id, map[string]string{TagSnapshot: s.snapshot.ID})
}

// exchange is steps 2 to 4.
func (s *swap) exchange(ctx context.Context) error {
	fresh, err := s.existing(ctx, s.kind, s.newID)
	if err != nil {
		return s.orDiscard(ctx, errors.Join(err, s.nameBack(ctx)), s.newID)
	}
	if s.current != nil {
		if err := s.moveAway(ctx); err != nil {
			return s.orDiscard(ctx, err, s.newID)
		}
	}
	if asked, err := s.rename(ctx, fresh, s.request.ID); err != nil {
		return s.giveBack(ctx, fresh, asked, err)
	}
	s.current = fresh
	s.Log.Info("the restored database has its name", "database", s.request.ID)
	return s.dropOld(ctx)
}
