package rds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// giveBackLimit bounds the time in which a database gets its name back, which goes on
// when the action was cancelled.
const giveBackLimit = 30 * time.Minute

// rename gives a database another name, and waits until it is available under it. Asked
// says whether RDS may have taken the request.
func (s *swap) rename(ctx context.Context, db *Database, to string) (asked bool, err error) {
	if asked, err := s.askRename(ctx, db, to); err != nil {
		return asked, err
	}
	if err := s.kind.waitRenamed(ctx, db.Resource, to); err != nil {
		return true, err
	}
	// The name is part of the ARN and of the endpoint.
	now, err := s.appeared(ctx, s.kind, to)
	if err != nil {
		return true, err
	}
	*db = *now
	return true, nil
}

// askRename starts the renaming. While RDS is busy with the database, or has not yet
// forgotten who had the name before, it is asked again. It may also refuse because an
// earlier request, whose answer got lost, is being carried out.
func (s *swap) askRename(ctx context.Context, db *Database, to string) (asked bool, err error) {
	for tries := 0; ; tries++ {
		err = s.kind.rename(ctx, db.ID, to)
		refused := isWrongState(err) || alreadyExists(err) || awsaccess.NotFound(err)
		if !refused || tries == busyLooks {
			return awsaccess.Code(err) == "", err
		}
		now, lookErr := s.kind.findResource(ctx, db.Resource)
		switch {
		case lookErr != nil:
			return true, errors.Join(err, lookErr)
		case now != nil && (now.ID == to || now.Status == "renaming"):
			return true, nil
		case now != nil && isWrongState(err):
			lookErr = s.kind.waitAvailable(ctx, db.ID)
		}
		if lookErr = cmp.Or(lookErr, s.pause(ctx)); lookErr != nil {
			return false, errors.Join(err, lookErr)
		}
	}
}

// moveAway is step 2: the old database is marked first, so that it is known for what it
// is whatever happens. When it fails, all is as it was before.
func (s *swap) moveAway(ctx context.Context) error {
	db := s.current
	if err := s.mark(ctx, db); err != nil {
		return err
	}
	s.Log.Info("moving the old database out of the way", "database", s.request.ID, "to", s.oldID)
	asked, err := s.rename(ctx, db, s.oldID)
	if err != nil {
		return errors.Join(err, s.moveBack(ctx, asked))
	}
	s.old, s.current = db, nil
	return nil
}

func (s *swap) mark(ctx context.Context, db *Database) error {
	tags := map[string]string{TagReplaced: s.request.ID}
	_, err := s.api.addTagsToResource(ctx, &sdk.AddTagsToResourceInput{ResourceName: &db.ARN, Tags: tagList(tags)})
	if err != nil {
		return s.Account.Explain(err, "mark %s %s as the one to be replaced", s.kind.noun(), db.ID)
	}
	db.Tags = with(db.Tags, tags)
	return nil
}

func (s *swap) unmark(ctx context.Context, db *Database) error {
	_, err := s.api.removeTagsFromResource(ctx, &sdk.RemoveTagsFromResourceInput{ResourceName: &db.ARN, TagKeys: []string{TagReplaced}})
	return s.Account.Explain(err, "remove the mark of %s %s", s.kind.noun(), db.ID)
}

// moveBack follows a step 2 that failed.
func (s *swap) moveBack(ctx context.Context, asked bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackLimit)
	defer cancel()
	db := s.current
	if !asked {
		return s.unmark(ctx, db)
	}
	// RDS may be renaming it now, and then cannot be stopped. One that kept its name
	// is found by it in the end.
	renamed := s.kind.waitRenamed(ctx, db.Resource, s.oldID)
	if renamed != nil {
		if now, err := s.kind.find(ctx, s.request.ID); err == nil && now != nil && now.Resource == db.Resource {
			return s.unmark(ctx, db)
		}
		return fmt.Errorf("the old database is there as %s or as %s: %w", s.request.ID, s.oldID, renamed)
	}
	old, err := s.appeared(ctx, s.kind, s.oldID)
	if err != nil {
		return err
	}
	s.old, s.current = old, nil
	return s.nameBack(ctx)
}

// giveBack follows a step 3 that failed: the new database is given up, and the old one
// gets its name back. If the new one has the name after all, it keeps it.
func (s *swap) giveBack(ctx context.Context, fresh *Database, asked bool, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackLimit)
	defer cancel()
	if asked && s.kind.waitRenamed(ctx, fresh.Resource, s.request.ID) == nil {
		return fmt.Errorf("the restored database has the name %s, and the old one is still there as %s: run the phase again to finish: %w",
			s.request.ID, s.oldID, cause)
	}
	if err := s.nameBack(ctx); err != nil {
		return fmt.Errorf("%w; the restored database is there as %s; run the phase again to go on: %w", cause, s.newID, err)
	}
	return s.orDiscard(ctx, cause, s.newID)
}

// nameBack renames the old database to the name that it had. It goes on when ctx has
// ended: without it there would be no database of that name.
func (s *swap) nameBack(ctx context.Context) error {
	if s.old == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackLimit)
	defer cancel()
	if _, err := s.rename(ctx, s.old, s.request.ID); err != nil {
		return fmt.Errorf("the old database is there as %s, and did not get its name back: %w", s.oldID, err)
	}
	s.current, s.old = s.old, nil
	return s.unmark(ctx, s.current)
}

// dropOld is step 4. A database that is protected against deletion stays.
func (s *swap) dropOld(ctx context.Context) error {
	if s.old == nil {
		return s.kind.settle(ctx, s.current)
	}
	if s.old.Protected {
		s.Log.Warn("the old database is protected against deletion, and is left: delete it by hand, before the next restore",
			"database", s.request.ID, "old", s.oldID)
		return nil
	}
	if err := s.removeWhenPossible(ctx, s.kind, s.oldID, map[string]string{TagReplaced: s.request.ID}); err != nil {
		return fmt.Errorf("the database %s is there and available; the one that it replaced is left as %s, and costs money: delete it, or run the phase again: %w",
			s.request.ID, s.oldID, err)
	}
	if err := s.kind.waitDeleted(ctx, s.oldID); err != nil {
		return err
	}
	s.old = nil
	return s.kind.settle(ctx, s.current)
}
