package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/pg"
)

type exportRDSSnapshotArgs struct {
	awsArgs
	podWishes
	login
	Namespace            string   `json:"namespace"`
	InstanceID           string   `json:"instanceID"`
	SnapshotID           string   `json:"snapshotID"`
	DBEngine             string   `json:"dbEngine"`
	BackupArtifactPrefix string   `json:"backupArtifactPrefix"`
	Databases            textList `json:"databases"`
	SecurityGroupID      textList `json:"securityGroupID"`
	DBSubnetGroup        string   `json:"dbSubnetGroup"`
	Image                string   `json:"image"`
}

// ExportRDSSnapshotToLocation dumps the PostgreSQL databases of an RDS snapshot to the
// profile's location. The instance that it makes of the snapshot for that is deleted
// whatever happens.
func ExportRDSSnapshotToLocation() Func {
	return fn[exportRDSSnapshotArgs]{name: "ExportRDSSnapshotToLocation", exec: exportRDSSnapshot, access: access.DataPod(access.In(access.InWork, "namespace"))}
}

func exportRDSSnapshot(ctx context.Context, env *Env, a exportRDSSnapshotArgs) (Output, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	seed := env.nameSeed(a.InstanceID, a.SnapshotID)
	backupID := "backup" + rds.Unique(seed) + ".tar.gz"
	key, err := env.dumpKey(cmp.Or(a.BackupArtifactPrefix, a.InstanceID), backupID)
	if err != nil {
		return nil, err
	}
	c, err := env.rds(ctx, a.awsArgs)
	if err != nil {
		return nil, err
	}
	groups, err := c.WithTemporary(ctx, rds.TemporaryRequest{
		ID: rds.Name(a.InstanceID, rds.Unique(seed)), Of: a.InstanceID, Snapshot: a.SnapshotID,
		SecurityGroups: a.SecurityGroupID, SubnetGroup: a.DBSubnetGroup,
		Tags: env.awsTags(map[string]string{TemporaryTag: "true"}),
	}, func(ctx context.Context, db *rds.Database) error { return a.dump(ctx, env, db, key) })
	if err != nil {
		return nil, err
	}
	list, err := yamlList(groups)
	return Output{
		"snapshotID":      a.SnapshotID,
		"instanceID":      a.InstanceID,
		"securityGroupID": list,
		"backupID":        backupID,
	}, err
}

// check finds what would only show after the instance was made, which takes long.
func (a exportRDSSnapshotArgs) check() error {
	if err := notEmpty("namespace", a.Namespace, "instanceID", a.InstanceID, "snapshotID", a.SnapshotID, "password", strings.TrimSpace(a.Password)); err != nil {
		return err
	}
	if a.Databases != nil && len(a.Databases) == 0 {
		return errors.New("argument databases is an empty list: name some, or leave it out for all")
	}
	return nil
}

// dump dumps the databases of the temporary instance in a pod.
func (a exportRDSSnapshotArgs) dump(ctx context.Context, env *Env, db *rds.Database, key string) error {
	pod := databasePod{a.podWishes, a.Namespace, a.Image}
	res, err := pod.call(ctx, env, agent.OpDumpPostgres, key, pg.DumpRequest{Server: a.server(db), Databases: a.Databases})
	if err != nil {
		return fmt.Errorf("dump the databases of snapshot %s: %w", a.SnapshotID, err)
	}
	env.Log.LogAttrs(ctx, slog.LevelInfo, "dumped to the location", slog.String("path", key),
		slog.Any("databases", res.Dumped.Databases), slog.Int64("bytes", res.Dumped.Bytes))
	return nil
}
