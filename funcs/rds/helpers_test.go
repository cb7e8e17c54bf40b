package rds_test

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
)

func deleteInput(id string) *sdk.DeleteDBInstanceInput {
	return &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: new(true)}
}
