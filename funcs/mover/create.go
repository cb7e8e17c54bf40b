package mover

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/format"
	"golang.org/x/crypto/scrypt"
)

// How long to wait for another process that is just making the same repository.
const (
	creationWait = 15 * time.Second
	creationPoll = 250 * time.Millisecond
)

// contentHash is the hash of new repositories. kopia's default, BLAKE2, takes an eighth to
// a quarter of the processor time of a first backup; this one is three to five times as
// fast where there is AVX2, and no slower elsewhere. kopia has known it since 2020.
const contentHash = "BLAKE3-256-128"

// create makes an empty repository. Several processes may do so at once, and S3
// cannot be relied on to refuse the second writer. So all keys of the repository
// are derived from its password and path: whoever writes last writes the same
// keys, and nobody's data becomes unreadable.
func create(ctx context.Context, loc Location) error {
	if loc.Password == "" {
		return failure(CodeBadRequest, nil, "a new repository at %s needs an encryption key", loc)
	}
	conn, err := loc.connection()
	if err != nil {
		return err
	}
	if err := loc.checkMounted(); err != nil {
		return err
	}
	if err := makeDirectory(conn); err != nil {
		return failure(CodeDenied, err, "no repository can be made at %s", loc)
	}
	st, err := blob.NewStorage(ctx, conn, true)
	if err != nil {
		return explain(ctx, loc, err)
	}
	opt, err := deriveOptions(loc)
	if err == nil {
		collectDerivation()
		err = repo.Initialize(ctx, st, opt, loc.Password)
		collectDerivation()
	}
	if err != nil {
		err = awaitOther(ctx, st, err)
	}
	return explain(ctx, loc, errors.Join(err, st.Close(ctx)))
}

// makeDirectory makes that of a repository in a directory. kopia would do so too,
// but not report why it failed.
func makeDirectory(conn blob.ConnectionInfo) error {
	opt, ok := conn.Config.(*filesystem.Options)
	if !ok {
		return nil
	}
	return os.MkdirAll(opt.Path, opt.DirectoryMode)
}

// deriveOptions stretches the password as kopia itself does before it encrypts
// the keys with it, so the repository is as hard to break into as any.
func deriveOptions(loc Location) (*repo.NewRepositoryOptions, error) {
	const size = 32
	bucket, prefix, err := loc.repository()
	if err != nil {
		return nil, err
	}
	salt := sha256.Sum256([]byte("rescue repository\x00" + bucket + "/" + prefix))
	key, err := scrypt.Key([]byte(loc.Password), salt[:], 1<<16, 8, 1, 2*size)
	if err != nil {
		return nil, err
	}
	opt := &repo.NewRepositoryOptions{UniqueID: salt[:format.UniqueIDLengthBytes]}
	opt.BlockFormat.Hash = contentHash
	opt.BlockFormat.MasterKey = key[:size]
	opt.BlockFormat.HMACSecret = key[size:]
	return opt, nil
}

// collectDerivation frees what the derivation of a key has left, which is 64 MiB. Until
// the heap has doubled they would lie there, beside those of the next derivation, and be
// most of the memory that a backup needs.
func collectDerivation() { runtime.GC() }

// awaitOther is for the loser of a race: it waits until the winner's repository
// is there, and returns the loser's error if none appears.
func awaitOther(ctx context.Context, st blob.Storage, failed error) error {
	if errors.Is(failed, repo.ErrAlreadyInitialized) {
		return nil
	}
	poll := time.NewTicker(creationPoll)
	defer poll.Stop()
	timeout := time.NewTimer(creationWait)
	defer timeout.Stop()
	for {
		switch exists, err := initialized(ctx, st); {
		case exists:
			return nil
		case err != nil: // the first error says more
			return failed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return failed
		case <-poll.C:
		}
	}
}

// initialized tells whether the store has the blob that makes it a repository.
func initialized(ctx context.Context, st blob.Storage) (bool, error) {
	err := st.GetBlob(ctx, format.KopiaRepositoryBlobID, 0, -1, &blobBuffer{})
	if errors.Is(err, blob.ErrBlobNotFound) {
		// Of a bucket that is missing, S3 says the same. A list tells.
		return false, st.ListBlobs(ctx, format.KopiaRepositoryBlobID, func(blob.Metadata) error { return nil })
	}
	return err == nil, err
}

// blobBuffer receives a blob; kopia's own buffers are internal.
type blobBuffer struct{ bytes.Buffer }

// Length makes it a blob.OutputBuffer.
func (b *blobBuffer) Length() int { return b.Len() }
