package mover

import (
	"github.com/kopia/kopia/snapshot/policy"
)

// Files of 256 MiB and more are read in parts at once.
const parallelAbove = 256 << 20

// backupPolicy is the policy of all backups, whatever policies the repository
// holds: nothing is ignored, and any file that cannot be read is an error.
func backupPolicy(parallel int) *policy.Tree {
	pol := *policy.DefaultPolicy
	pol.FilesPolicy = policy.FilesPolicy{
		IgnoreCacheDirectories: policy.NewOptionalBool(false),
		OneFileSystem:          policy.NewOptionalBool(false),
	}
	// The fastest level: heavier ones need gigabytes of memory on many files.
	pol.CompressionPolicy.CompressorName = "zstd-fastest"
	large := policy.OptionalInt64(parallelAbove)
	pol.UploadPolicy.ParallelUploadAboveSize = &large
	if parallel > 0 {
		n := policy.OptionalInt(parallel)
		pol.UploadPolicy.MaxParallelFileReads = &n
	}
	return policy.BuildTree(nil, &pol)
}
