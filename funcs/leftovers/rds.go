package leftovers

import (
	"context"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/rds"
)

// RDS looks in one region for the temporary instances of exports. Nothing else that
// functions make in AWS is there for a time only: a database that takes the place of
// another one, and snapshots, carry the tags of a run, too, but not funcs.TemporaryTag.
type RDS struct {
	Client *rds.Client
}

// Find lists what is there.
func (r RDS) Find(ctx context.Context) (found []Leftover, unseen []Unseen) {
	databases, err := r.Client.Temporaries(ctx, funcs.TemporaryTag)
	if err != nil {
		return nil, []Unseen{{"DB instances of region " + r.Client.Account.Region(), err}}
	}
	for _, db := range databases {
		if db.Tags[funcs.RunLabel] != "" {
			found = append(found, r.leftover(db))
		}
	}
	return found, nil
}

func (r RDS) leftover(db *rds.Database) Leftover {
	return Leftover{
		Kind: "DBInstance", Place: r.Client.Account.Region(), Name: db.ID,
		Run: db.Tags[funcs.RunLabel], Phase: db.Tags[funcs.PhaseLabel],
		Created: db.Created, Going: db.Status == "deleting",
		remove: func(ctx context.Context) error { return r.Client.RemoveTemporary(ctx, db, funcs.TemporaryTag) },
	}
}
