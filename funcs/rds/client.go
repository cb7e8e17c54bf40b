package rds

import (
	"context"
	"log/slog"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// A Client works on the databases of one account in one region.
type Client struct {
	Account *awsaccess.Account
	Log     *slog.Logger

	api api
}

// New returns a Client of an account.
func New(account *awsaccess.Account, log *slog.Logger) *Client {
	return &Client{Account: account, Log: log, api: apiOf(sdk.NewFromConfig(account.Config))}
}

// A Kind is a sort of database: plain instances, or Aurora's clusters. Both have
// snapshots, names, and states, but other calls for them.
type Kind interface {
	// noun is what messages call it.
	noun() string
	// find returns the database of that name, nil if there is none.
	find(ctx context.Context, id string) (*Database, error)
	// findResource returns the database of that resource ID, whatever its name is now.
	findResource(ctx context.Context, resource string) (*Database, error)
	// findSnapshot returns the snapshot of that name, nil if there is none.
	findSnapshot(ctx context.Context, id string) (*Snapshot, error)
	createSnapshot(ctx context.Context, id, of string, tags map[string]string) error
	deleteSnapshot(ctx context.Context, id string) error
	// restore starts the making of a database. With a model it has the settings of that.
	restore(ctx context.Context, plan copyPlan) error
	// complete makes what a restored database needs beyond itself, and waits for it.
	complete(ctx context.Context, plan copyPlan) error
	// rename starts the renaming; the database of this resource ID will have the name to.
	rename(ctx context.Context, from, to string) error
	// settle follows a swap: what belongs to the database takes the names of those
	// that belonged to the old one.
	settle(ctx context.Context, db *Database) error
	// remove starts the deletion of the database and of all that belongs to it.
	remove(ctx context.Context, db *Database) error

	waitAvailable(ctx context.Context, id string) error
	waitRenamed(ctx context.Context, resource, to string) error
	waitDeleted(ctx context.Context, id string) error
	waitSnapshot(ctx context.Context, id string) error
	waitSnapshotDeleted(ctx context.Context, id string) error
}

// For returns the kind that an argument dbEngine means.
func (c *Client) For(engine string) Kind {
	switch engine {
	case "aurora", "aurora-mysql", "aurora-postgresql":
		return clusters{c, engine}
	}
	return instances{c}
}

// Available returns a database that is there, once it is available.
func (c *Client) Available(ctx context.Context, k Kind, id string) (*Database, error) {
	if _, err := c.existing(ctx, k, id); err != nil {
		return nil, err
	}
	if err := k.waitAvailable(ctx, id); err != nil {
		return nil, err
	}
	return c.existing(ctx, k, id)
}

// Database is an instance or a cluster as RDS describes it.
type Database struct {
	ID string
	// Resource is RDS's own ID, which stays when the name changes.
	Resource       string
	ARN            string
	Status         string
	Tags           map[string]string
	SecurityGroups []string
	SubnetGroup    string
	// Endpoint is the host name, empty until there is one.
	Endpoint string
	Port     int32
	Engine   string
	// MasterUser is the user that it was made with.
	MasterUser string
	// AllocatedGiB is the size of its storage; of a cluster 0, since Aurora grows by itself.
	AllocatedGiB int32
	// Created is when it was made; an instance that is being made has none.
	Created time.Time
	// Protected says that it cannot be deleted before that is allowed.
	Protected bool

	settings any // of the kind: *types.DBInstance, or *clusterSettings
}

// Snapshot is a snapshot of a database as RDS describes it.
type Snapshot struct {
	ID, ARN, Status       string
	Of                    string // the database's name
	Engine, EngineVersion string
	Tags                  map[string]string
}

// A copyPlan says how to make a database of a snapshot.
type copyPlan struct {
	id             string
	snapshot       *Snapshot
	securityGroups []string
	subnetGroup    string
	tags           map[string]string
	// model is the database whose settings the new one has; nil for a temporary one,
	// which has few of its own, or where there is none.
	model *Database
	// source is what a temporary copy is made for; it is reached the same way.
	source *Database
	// temporary copies have no backups and no standby.
	temporary bool
}
