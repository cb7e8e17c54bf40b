package funcs

import (
	"context"
	"fmt"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/rds"
)

type createRDSSnapshotArgs struct {
	awsArgs
	InstanceID string `json:"instanceID"`
	DBEngine   string `json:"dbEngine"`
}

// CreateRDSSnapshot takes a snapshot of an RDS instance or an Aurora cluster. When it
// fails or is cancelled, the snapshot is removed again.
func CreateRDSSnapshot() Func {
	return fn[createRDSSnapshotArgs]{name: "CreateRDSSnapshot", exec: createRDSSnapshot, access: access.None}
}

func createRDSSnapshot(ctx context.Context, env *Env, a createRDSSnapshotArgs) (Output, error) {
	if err := notEmpty("instanceID", a.InstanceID); err != nil {
		return nil, err
	}
	c, err := env.rds(ctx, a.awsArgs)
	if err != nil {
		return nil, err
	}
	id := rds.Name(a.InstanceID, rds.Unique(env.nameSeed(a.InstanceID)))
	db, err := c.CreateSnapshot(ctx, c.For(a.DBEngine), id, a.InstanceID, env.awsTags(nil))
	if err != nil {
		return nil, err
	}
	groups, err := yamlList(db.SecurityGroups)
	return Output{
		"snapshotID":       id,
		"instanceID":       a.InstanceID,
		"securityGroupID":  groups,
		"allocatedStorage": fmt.Sprintf("%dGiB", db.AllocatedGiB),
		"dbSubnetGroup":    db.SubnetGroup,
	}, err
}
