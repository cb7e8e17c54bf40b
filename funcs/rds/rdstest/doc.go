// Package rdstest is an imitation of RDS for tests: the SDK's real client talks to it
// over HTTP. It keeps instances, Aurora clusters and snapshots, whose states change as
// they are looked at, refuses what RDS refuses, and shows new names late. What the data
// of an instance is, a Backend says: text in memory, or a server on a cluster.
//
// It is made of AWS's documentation. Where that leaves a question open, the strictest
// answer is imitated: see Options.
package rdstest
