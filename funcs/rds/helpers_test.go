package rds_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
)

// deleteInstance deletes an instance as somebody else would.
func (w *world) deleteInstance(t *testing.T, id string) {
	t.Helper()
	_, err := sdk.NewFromConfig(w.client.Account.Config).DeleteDBInstance(t.Context(),
		&sdk.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: new(true)})
	if err != nil {
		t.Fatal(err)
	}
}
