package mover

import (
	"cmp"
	"runtime"

	"github.com/kopia/kopia/snapshot/policy"
)

const (
	// Files of 256 MiB and more are read in parts at once.
	parallelAbove = 256 << 20
	// Who reads a file also sends packs to the store, and waits for it. So some more
	// files are read at once than there are processors. Each costs a pack of 20 MiB.
	waitingReaders = 2
)

// backupPolicy is the policy of all backups, whatever policies the repository
// holds: nothing is ignored, and any file that cannot be read is an error.
func backupPolicy(parallel int) *policy.Tree {
	pol := *policy.DefaultPolicy
	pol.FilesPolicy = policy.FilesPolicy{
		IgnoreCacheDirectories: policy.NewOptionalBool(false),
		OneFileSystem:          policy.NewOptionalBool(false),
	}
	pol.CompressionPolicy.CompressorName = compressor
	large := policy.OptionalInt64(parallelAbove)
	pol.UploadPolicy.ParallelUploadAboveSize = &large
	// kopia would count the processors of the node, and not those of the container.
	n := policy.OptionalInt(cmp.Or(parallel, runtime.GOMAXPROCS(0)+waitingReaders))
	pol.UploadPolicy.MaxParallelFileReads = &n
	return policy.BuildTree(nil, &pol)
}
