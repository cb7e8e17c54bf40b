package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
)

type deleteRDSSnapshotArgs struct {
	awsArgs
	SnapshotID string `json:"snapshotID"`
	DBEngine   string `json:"dbEngine"`
}

// DeleteRDSSnapshot deletes a snapshot of an RDS instance or an Aurora cluster, and
// waits until it is gone. One that is not there is fine.
func DeleteRDSSnapshot() Func {
	return fn[deleteRDSSnapshotArgs]{name: "DeleteRDSSnapshot", exec: deleteRDSSnapshot, access: access.None}
}

func deleteRDSSnapshot(ctx context.Context, env *Env, a deleteRDSSnapshotArgs) (Output, error) {
	if err := notEmpty("snapshotID", a.SnapshotID); err != nil {
		return nil, err
	}
	c, err := env.rds(ctx, a.awsArgs)
	if err != nil {
		return nil, err
	}
	return Output{}, c.DeleteSnapshot(ctx, c.For(a.DBEngine), a.SnapshotID)
}
