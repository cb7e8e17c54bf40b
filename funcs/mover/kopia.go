package mover

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/minio/minio-go/v7"

	"github.com/rescuecue/rescue/funcs/store"
)

// userName is the user of all snapshots; the namespace stands for the host.
const userName = "rescue"

// kopiaRepository is a Repository in a kopia repository.
type kopiaRepository struct {
	repo.Repository
	location Location
	// store has the blobs of the repository; nil behind a server.
	store   blob.Storage
	times   markTimes
	scratch *scratch
	// broken gets the error that made kopia give the repository up.
	broken *fatal
}

// Open opens a repository. It does not make one: without a repository at the
// location the error has CodeNoRepository.
func Open(ctx context.Context, loc Location) (Repository, error) {
	r, err := open(ctx, loc)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// OpenOrCreate opens a repository and makes it first if there truly is none. A
// wrong password, a store that does not answer or any other failure is an error,
// never a reason to make one.
func OpenOrCreate(ctx context.Context, loc Location) (Repository, error) {
	r, err := open(ctx, loc)
	if CodeOf(err) == CodeNoRepository {
		err = create(ctx, loc)
		if err == nil {
			r, err = open(ctx, loc)
		}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Exists tells whether there is a repository at the location. It needs no
// password.
func Exists(ctx context.Context, loc Location) (bool, error) {
	st, err := storage(ctx, loc)
	if CodeOf(err) == CodeNoRepository {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	exists, err := initialized(ctx, st)
	return exists, explain(ctx, loc, errors.Join(err, st.Close(ctx)))
}

func open(ctx context.Context, loc Location) (*kopiaRepository, error) {
	if loc.isServer() {
		return openServer(ctx, loc, nil)
	}
	st, err := storage(ctx, loc)
	if err != nil {
		return nil, err
	}
	r, err := openIn(ctx, loc, st)
	if err != nil {
		return nil, errors.Join(err, st.Close(ctx))
	}
	return r, nil
}

// openIn opens the repository in a store, which it then owns.
func openIn(ctx context.Context, loc Location, st blob.Storage) (*kopiaRepository, error) {
	exists, err := initialized(ctx, st)
	if err == nil && !exists {
		err = repo.ErrRepositoryNotInitialized
	}
	if err != nil {
		return nil, explain(ctx, loc, err)
	}
	r := &kopiaRepository{location: loc, store: st, times: defaultMarkTimes(), broken: &fatal{}}
	r.Repository, r.scratch, err = r.connect(lend(ctx, st), defaultCache())
	if err == nil {
		err = r.scratch.keepNoContents()
	}
	if err != nil {
		return nil, explain(ctx, loc, err)
	}
	return r, nil
}

// connect opens kopia's repository, with a cache of the given sizes.
func (r *kopiaRepository) connect(ctx context.Context, sizes cacheSizes) (repo.Repository, *scratch, error) {
	conn, err := r.location.connection()
	if err != nil {
		return nil, nil, err
	}
	scratch, err := newScratch(&repo.LocalConfig{Storage: &conn, ClientOptions: r.location.clientOptions()}, sizes)
	if err != nil {
		return nil, nil, err
	}
	rep, err := repo.Open(ctx, scratch.config.path, r.location.Password, &repo.Options{
		DisableRepositoryLog: true,
		DoNotWaitForUpgrade:  true,
		OnFatalError:         r.broken.set,
	})
	if err != nil {
		return nil, nil, errors.Join(err, scratch.remove())
	}
	go collectDerivation() // what comes next need not wait for that
	return rep, scratch, nil
}

// clientOptions name the owner of snapshots, so that they do not depend on the
// pod that made them.
func (l Location) clientOptions() repo.ClientOptions {
	host := l.Namespace
	if host == "" {
		host = "default"
	}
	return repo.ClientOptions{Username: userName, Hostname: host, Description: "rescue"}
}

// Close implements Repository.
func (r *kopiaRepository) Close(ctx context.Context) error {
	errs := []error{r.Repository.Close(ctx), r.scratch.remove()}
	if r.store != nil {
		errs = append(errs, r.store.Close(ctx))
	}
	return errors.Join(errs...)
}

// storage opens the store of a location. For a directory, its absence means that
// there is no repository.
func storage(ctx context.Context, loc Location) (blob.Storage, error) {
	conn, err := loc.connection()
	if err != nil {
		return nil, err
	}
	st, err := blob.NewStorage(ctx, conn, false)
	if err != nil {
		return nil, explain(ctx, loc, err)
	}
	return st, nil
}

// explain gives an error of kopia its code and words for the user.
func explain(ctx context.Context, loc Location, err error) error {
	var coded *Error
	switch {
	case err == nil || errors.As(err, &coded):
		return err
	case ctx.Err() != nil: // kopia does not always wrap it
		return failure(CodeCanceled, context.Cause(ctx), "opening the repository at %s was stopped", loc)
	case errors.Is(err, repo.ErrRepositoryNotInitialized), errors.Is(err, os.ErrNotExist):
		return failure(CodeNoRepository, nil, "there is no backup repository at %s", loc)
	case errors.Is(err, repo.ErrInvalidPassword):
		return failure(CodeWrongKey, nil, "the encryption key does not fit the repository at %s", loc)
	case errors.Is(err, store.ErrNoBucket), hasNoBucket(err):
		return failure(CodeUnreachable, nil, "%s: there is no bucket of this name: make it, or correct the profile's location.bucket", loc)
	case errors.Is(err, store.ErrDenied):
		return failure(CodeDenied, err, "the store refuses access to %s", loc)
	case errors.Is(err, blob.ErrInvalidCredentials):
		return failure(CodeDenied, nil, "the store at %s does not know the profile's access key", loc)
	case isAccessDenied(err):
		return failure(CodeDenied, err, "the store refuses access to %s", loc)
	case isNetwork(err):
		return failure(CodeUnreachable, err, "the store at %s cannot be reached", loc)
	}
	return failure(CodeFailed, err, "the repository at %s cannot be opened", loc)
}

func isAccessDenied(err error) bool {
	var resp minio.ErrorResponse
	return errors.As(err, &resp) && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized)
}

// hasNoBucket recognises what S3 says of a bucket that is not there.
func hasNoBucket(err error) bool {
	var resp minio.ErrorResponse
	return errors.As(err, &resp) && resp.Code == minio.NoSuchBucket
}

// isNetwork is not taken in by errors of files, which have the methods of net.Error.
func isNetwork(err error) bool {
	var netErr net.Error
	var urlErr *url.Error
	var file *os.PathError
	if errors.As(err, &file) {
		return false
	}
	return errors.As(err, &netErr) || errors.As(err, &urlErr)
}

// fatal keeps the first error that kopia calls fatal. Left alone, kopia would end
// the process.
type fatal struct {
	mu  sync.Mutex
	err error
}

func (f *fatal) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *fatal) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
