package rds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// removeLimit bounds the removal of what did not come to its end. It goes on when the
// action was cancelled, and has to wait for RDS, which deletes nothing that it is still
// making.
const removeLimit = 30 * time.Minute

// CreateSnapshot takes a snapshot and waits until it is available. It returns the
// database as it was. A snapshot of that name and with these tags is the work of an
// earlier attempt, and is used. When it fails or ctx ends, the snapshot is removed.
func (c *Client) CreateSnapshot(ctx context.Context, k Kind, id, of string, tags map[string]string) (*Database, error) {
	db, err := c.existing(ctx, k, of)
	if err != nil {
		return nil, err
	}
	if err := c.takeSnapshot(ctx, k, id, of, tags); err != nil {
		return nil, err
	}
	if err := k.waitSnapshot(ctx, id); err != nil {
		return nil, errors.Join(err, c.discardSnapshot(ctx, k, id))
	}
	return db, nil
}

// existing returns a database that must be there.
func (c *Client) existing(ctx context.Context, k Kind, id string) (*Database, error) {
	db, err := k.find(ctx, id)
	if err == nil && db == nil {
		err = fmt.Errorf("there is no %s %s in %s%s", k.noun(), id, c.Account.Region(), c.otherKind(ctx, k, id))
	}
	return db, err
}

// appeared returns a database that is known to have that name, although RDS may not yet
// show it under it.
func (c *Client) appeared(ctx context.Context, k Kind, id string) (*Database, error) {
	for looks := 0; ; looks++ {
		db, err := k.find(ctx, id)
		if err != nil || db != nil {
			return db, err
		}
		if looks >= lateLooks {
			return nil, fmt.Errorf("RDS does not show %s %s, which must be there", k.noun(), id)
		}
		if err := c.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// otherKind helps where a cluster was taken for an instance, or the other way round.
func (c *Client) otherKind(ctx context.Context, k Kind, id string) string {
	if _, cluster := k.(clusters); cluster {
		if db, err := (instances{c}).find(ctx, id); err == nil && db != nil {
			return ", but a DB instance: leave dbEngine out, or give the cluster's name if the instance belongs to one"
		}
		return ""
	}
	if db, err := (clusters{c, ""}).find(ctx, id); err == nil && db != nil {
		return fmt.Sprintf(", but a DB cluster: give dbEngine %q", db.Engine)
	}
	return ""
}

// takeSnapshot starts the snapshot. While the database is busy, such as with its own
// backup, RDS refuses, and so it is waited for.
func (c *Client) takeSnapshot(ctx context.Context, k Kind, id, of string, tags map[string]string) error {
	err := k.createSnapshot(ctx, id, of, tags)
	for waits := 0; isWrongState(err) && waits < busyLooks; waits++ {
		c.Log.Info("the database is busy: waiting until a snapshot can be taken", "database", of)
		if waitErr := k.waitAvailable(ctx, of); waitErr != nil {
			return errors.Join(err, waitErr)
		}
		if err = c.pause(ctx); err == nil {
			err = k.createSnapshot(ctx, id, of, tags)
		}
	}
	if !alreadyExists(err) {
		return err
	}
	there, findErr := k.findSnapshot(ctx, id)
	switch {
	case findErr != nil || there != nil && !has(there.Tags, tags):
		return errors.Join(err, findErr)
	case there != nil && !slices.Contains(failures, there.Status):
		return nil
	}
	// What an earlier attempt has made did not come to be, and is on its way out.
	if err := c.DeleteSnapshot(ctx, k, id); err != nil {
		return err
	}
	return k.createSnapshot(ctx, id, of, tags)
}

// busyLooks is how often RDS may say that a database is busy, although it was available
// just before.
const busyLooks = 10

// discardSnapshot removes a snapshot that did not become available, also when ctx has
// ended.
func (c *Client) discardSnapshot(ctx context.Context, k Kind, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	err := c.dropSnapshot(ctx, k, id)
	if err != nil {
		return fmt.Errorf("the unfinished snapshot %s is left, delete it by hand: %w", id, err)
	}
	return nil
}

// dropSnapshot starts the deletion. A snapshot that is being made can only be deleted
// when it is finished.
func (c *Client) dropSnapshot(ctx context.Context, k Kind, id string) error {
	err := k.deleteSnapshot(ctx, id)
	for waits := 0; isWrongState(err) && waits < busyLooks; waits++ {
		s, findErr := k.findSnapshot(ctx, id)
		if findErr != nil {
			return errors.Join(err, findErr)
		}
		if s == nil || s.Status == "deleting" {
			return nil
		}
		if waitErr := k.waitSnapshot(ctx, id); waitErr != nil {
			return errors.Join(err, waitErr)
		}
		if err = c.pause(ctx); err == nil {
			err = k.deleteSnapshot(ctx, id)
		}
	}
	return err
}

// DeleteSnapshot deletes a snapshot and waits until it is gone. One that is not there
// is fine.
func (c *Client) DeleteSnapshot(ctx context.Context, k Kind, id string) error {
	if err := c.dropSnapshot(ctx, k, id); err != nil {
		return err
	}
	return k.waitSnapshotDeleted(ctx, id)
}

// usable returns a snapshot that a database can be made of, waiting for it if it is
// still being made.
func (c *Client) usable(ctx context.Context, k Kind, id string) (*Snapshot, error) {
	s, err := k.findSnapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("there is no snapshot %s of a %s in %s: was it deleted, or is dbEngine another one?", id, k.noun(), c.Account.Region())
	}
	if s.Status != "available" {
		if err := k.waitSnapshot(ctx, id); err != nil {
			return nil, err
		}
	}
	return s, nil
}
