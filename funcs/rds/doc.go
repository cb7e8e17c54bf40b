// Package rds works on databases of Amazon RDS: instances, and the clusters of Aurora.
// It takes and deletes snapshots, keeps temporary copies, and restores a database
// without ever being without one: see Client.Restore.
//
// Tags say whose a thing is, see tags.go: an attempt goes on with what an earlier one of
// the same phase has begun, and what is temporary is found when its process has died.
package rds
