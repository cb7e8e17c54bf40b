package rds

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// TemporaryRequest says which copy to make.
type TemporaryRequest struct {
	// ID is the name of the copy, Of that of the database that the snapshot is of.
	ID, Of string
	// Snapshot is the one that the copy is made of.
	Snapshot string
	// SecurityGroups and SubnetGroup of the copy; empty: those of the database Of.
	SecurityGroups []string
	SubnetGroup    string
	// Tags by which the copy is found when this process dies. There must be some.
	Tags map[string]string
}

// WithTemporary makes an instance of a snapshot, calls use with it once it is
// available, and deletes it, whatever happened, also when ctx has ended. It returns the
// security groups that the copy had.
//
// An instance of that name with these tags is what an earlier attempt has left, and is
// used.
func (c *Client) WithTemporary(ctx context.Context, r TemporaryRequest, use func(context.Context, *Database) error) (securityGroups []string, err error) {
	k := instances{c}
	plan, err := c.planTemporary(ctx, k, r)
	if err != nil {
		return nil, err
	}
	if err := c.unblock(ctx, k, r); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.discard(ctx, k, r.ID, r.Tags)) }()
	err = k.restore(ctx, plan)
	if err != nil && !alreadyExists(err) {
		return nil, err
	}
	c.Log.Info("waiting for the temporary DB instance", "instance", r.ID, "snapshot", r.Snapshot)
	if err := k.waitAvailable(ctx, r.ID); err != nil {
		return nil, err
	}
	db, err := c.existing(ctx, k, r.ID)
	if err != nil {
		return nil, err
	}
	return plan.securityGroups, use(ctx, db)
}

func (c *Client) planTemporary(ctx context.Context, k Kind, r TemporaryRequest) (copyPlan, error) {
	snapshot, err := c.usable(ctx, k, r.Snapshot)
	if err != nil {
		return copyPlan{}, err
	}
	source, err := k.find(ctx, r.Of)
	if err != nil {
		return copyPlan{}, err
	}
	p := copyPlan{
		id: r.ID, snapshot: snapshot, source: source, temporary: true, tags: r.Tags,
		securityGroups: r.SecurityGroups, subnetGroup: r.SubnetGroup,
	}
	return p, p.place(k, source, r.Of)
}

// place fills in where the copy belongs, as far as the caller did not say.
func (p *copyPlan) place(k Kind, like *Database, name string) error {
	if len(p.securityGroups) == 0 {
		if like == nil {
			return fmt.Errorf("%s %s is gone, and so its security groups are not known: give them with the argument securityGroupID", k.noun(), name)
		}
		p.securityGroups = slices.Clone(like.SecurityGroups)
	}
	if p.subnetGroup == "" {
		p.subnetGroup = "default"
		if like != nil && like.SubnetGroup != "" {
			p.subnetGroup = like.SubnetGroup
		}
	}
	return nil
}

// unblock makes sure that the name is free, or belongs to an earlier attempt whose copy
// can be used.
func (c *Client) unblock(ctx context.Context, k Kind, r TemporaryRequest) error {
	there, err := k.find(ctx, r.ID)
	switch {
	case err != nil || there == nil:
		return err
	case !has(there.Tags, r.Tags):
		return fmt.Errorf("%s %s is there already, and was not made by this phase: delete it if it is left over", k.noun(), r.ID)
	case there.Status == "deleting":
		return k.waitDeleted(ctx, r.ID)
	case slices.Contains(failures, there.Status):
		return errors.Join(c.discard(ctx, k, r.ID, r.Tags), k.waitDeleted(ctx, r.ID))
	}
	return nil
}

// discard deletes what the phase has made, and waits until RDS has begun to do so. It
// goes on when ctx has ended. What has other tags is not touched.
func (c *Client) discard(ctx context.Context, k Kind, id string, tags map[string]string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	err := c.removeWhenPossible(ctx, k, id, tags)
	if err != nil {
		return fmt.Errorf("%s %s is left, and costs money: delete it by hand: %w", k.noun(), id, err)
	}
	return nil
}

// removeWhenPossible deletes a database. While RDS is still making it, it may refuse:
// then its end is waited for.
func (c *Client) removeWhenPossible(ctx context.Context, k Kind, id string, tags map[string]string) error {
	var last error
	for absent := 0; ; {
		db, err := k.find(ctx, id)
		switch {
		case err != nil && ctx.Err() != nil:
			return errors.Join(last, err)
		case err != nil:
			last = err
			if absent++; absent > removeLooks {
				return err
			}
		case db == nil:
			// What was made just now may not show yet.
			if absent++; absent > removeLooks {
				return nil
			}
		case db.Status == "deleting":
			return nil
		case tags != nil && !has(db.Tags, tags):
			return nil
		default:
			absent = 0
			if last = k.remove(ctx, db); last == nil || !isWrongState(last) {
				return last
			}
		}
		if err := c.pause(ctx); err != nil {
			return errors.Join(last, err)
		}
	}
}

// removeLooks is how many looks must find nothing until a thing counts as never made.
const removeLooks = 3
