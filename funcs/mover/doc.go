// Package mover copies directories into kopia repositories and back. It is the
// only package that knows kopia: others see the Repository interface.
//
// A repository is an ordinary kopia repository, in a directory or in an
// S3-compatible bucket. The kopia program opens it with the same password.
// Three things are particular to snapshots written here:
//
//   - They are pinned, so that a retention policy never expires a backup that a
//     blueprint still holds the ID of.
//   - Nothing is left out: .kopiaignore files, cache directory tags and policies
//     stored in the repository have no effect.
//   - Bytes of a file name that are not UTF-8 are stored as private-use
//     characters, because kopia keeps names as JSON text; see encodeName.
//
// kopia touches global state in three ways: its counters are registered with the
// default Prometheus registry, its spans go to the default OpenTelemetry tracer,
// and it ends the process on a fatal repository error unless it is told not to.
// This package tells it not to. kopia's log stays silent.
package mover
