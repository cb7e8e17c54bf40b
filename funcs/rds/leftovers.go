package rds

import (
	"context"
	"maps"
	"regexp"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
)

// temporaryName is what WithTemporary's callers name instances: see Unique. One that
// somebody has renamed is somebody's.
var temporaryName = regexp.MustCompile(`-[0-9a-f]{10}$`)

// Temporaries lists the instances with this tag, of any value, that have the name of a
// temporary one. It asks nothing but DescribeDBInstances.
func (c *Client) Temporaries(ctx context.Context, tag string) ([]*Database, error) {
	var found []*Database
	pages := sdk.NewDescribeDBInstancesPaginator(c.api.describeDBInstances, &sdk.DescribeDBInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.Account.Explain(err, "list the DB instances of region %s", c.Account.Region())
		}
		for i := range page.DBInstances {
			db := instance(&page.DBInstances[i])
			if isTemporary(db, tag) {
				found = append(found, db)
			}
		}
	}
	return found, nil
}

func isTemporary(db *Database, tag string) bool {
	_, tagged := db.Tags[tag]
	member := db.Tags[TagName] != "" || db.Tags[TagReplaced] != "" || db.Tags[TagSnapshot] != ""
	return tagged && !member && temporaryName.MatchString(db.ID)
}

// RemoveTemporary deletes a temporary instance, if what has its name is still the same
// and has the same tags. While RDS makes the instance it may refuse: then that is waited
// for. It returns when RDS has begun to delete it.
func (c *Client) RemoveTemporary(ctx context.Context, db *Database, tag string) error {
	k := instances{c}
	now, err := k.findResource(ctx, db.Resource)
	if err != nil || now == nil || now.ID != db.ID || !isTemporary(now, tag) || !maps.Equal(now.Tags, db.Tags) {
		return err
	}
	c.Log.Info("deleting a temporary DB instance", "instance", db.ID, "status", now.Status)
	return c.removeWhenPossible(ctx, k, db.ID, db.Tags)
}
