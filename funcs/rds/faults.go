package rds

import "github.com/rescuecue/rescue/funcs/aws/awsaccess"

// isWrongState tells whether RDS refused a request because of what the database is
// doing at the moment.
func isWrongState(err error) bool {
	switch awsaccess.Code(err) {
	case "InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidDBClusterStateFault",
		"InvalidDBSnapshotState", "InvalidDBClusterSnapshotStateFault":
		return true
	}
	return false
}

func alreadyExists(err error) bool {
	switch awsaccess.Code(err) {
	case "DBInstanceAlreadyExists", "DBClusterAlreadyExistsFault", "DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault":
		return true
	}
	return false
}
