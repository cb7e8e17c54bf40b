package funcs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/pg"
)

type restoreRDSSnapshotArgs struct {
	awsArgs
	podWishes
	login
	InstanceID           string   `json:"instanceID"`
	SnapshotID           string   `json:"snapshotID"`
	DBEngine             string   `json:"dbEngine"`
	BackupArtifactPrefix string   `json:"backupArtifactPrefix"`
	BackupID             string   `json:"backupID"`
	Namespace            string   `json:"namespace"`
	SecurityGroupID      textList `json:"securityGroupID"`
	DBSubnetGroup        string   `json:"dbSubnetGroup"`
	Image                string   `json:"image"`
}

// RestoreRDSSnapshot restores an RDS instance or an Aurora cluster from a snapshot, or
// the databases of an instance from a dump. What it replaces is only deleted when the
// replacement is in its place.
func RestoreRDSSnapshot() Func {
	return fn[restoreRDSSnapshotArgs]{name: "RestoreRDSSnapshot", exec: restoreRDSSnapshot, access: access.If(access.Given("backupID"), access.DataPod(access.In(access.InWork, "namespace")))}
}

func restoreRDSSnapshot(ctx context.Context, env *Env, a restoreRDSSnapshotArgs) (Output, error) {
	if err := notEmpty("instanceID", a.InstanceID); err != nil {
		return nil, err
	}
	restore := a.fromSnapshot
	if a.SnapshotID == "" {
		restore = a.fromDump
	}
	c, err := env.rds(ctx, a.awsArgs)
	if err != nil {
		return nil, err
	}
	db, err := restore(ctx, env, c)
	if err != nil {
		return nil, err
	}
	return Output{"endpoint": db.Endpoint}, nil
}

func (a restoreRDSSnapshotArgs) fromSnapshot(ctx context.Context, env *Env, c *rds.Client) (*rds.Database, error) {
	return c.Restore(ctx, c.For(a.DBEngine), rds.RestoreRequest{
		ID: strings.ToLower(a.InstanceID), Snapshot: a.SnapshotID,
		SecurityGroups: a.SecurityGroupID, SubnetGroup: a.DBSubnetGroup,
		Origin: env.awsTags(nil),
	})
}

// fromDump loads the dump in a pod. The instance must be there.
func (a restoreRDSSnapshotArgs) fromDump(ctx context.Context, env *Env, c *rds.Client) (*rds.Database, error) {
	if err := notEmpty("backupArtifactPrefix", a.BackupArtifactPrefix, "backupID", a.BackupID, "namespace", a.Namespace,
		"username", strings.TrimSpace(a.Username), "password", strings.TrimSpace(a.Password)); err != nil {
		return nil, err
	}
	key, err := env.dumpKey(a.BackupArtifactPrefix, a.BackupID)
	if err != nil {
		return nil, err
	}
	db, err := c.Available(ctx, c.For(a.DBEngine), a.InstanceID)
	if err != nil {
		return nil, err
	}
	pod := databasePod{a.podWishes, a.Namespace, a.Image}
	res, err := pod.call(ctx, env, agent.OpLoadPostgres, key, pg.DumpRequest{Server: a.server(db)})
	if err != nil {
		return nil, fmt.Errorf("load the dump %s into %s: %w", key, a.InstanceID, err)
	}
	for _, w := range res.Loaded.Warnings {
		env.Log.LogAttrs(ctx, slog.LevelWarn, "not restored: "+w)
	}
	env.Log.LogAttrs(ctx, slog.LevelInfo, "loaded from the location", slog.String("path", key),
		slog.Any("databases", res.Loaded.Databases), slog.Any("left as they are", res.Loaded.Skipped))
	return db, nil
}
