package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/s3"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/snapshot"

	"github.com/rescuecue/rescue/compat"
)

// programUser is who a kopia program is in a repository. It is another user than that
// of the snapshots: what it has begun to write then counts as the work of others, beside
// which no space is reclaimed.
const programUser = "rescue-kopia"

// ProgramMark is the start of the name of the mark that a kopia program gets. It holds
// for as long as the program may work, because nobody sets it again meanwhile.
const ProgramMark = string(useMark) + "program-"

// ReclaimMark is the start of the name of the marks of who reclaims space.
const ReclaimMark = string(reclaimMark)

// MarkStale is the age at which a mark is that of a process which was killed.
func MarkStale() time.Duration { return defaultMarkTimes().stale }

// ProgramAccess is how the kopia program gets at the repository of a location.
type ProgramAccess struct {
	// Config is its configuration file. It holds no password, but what is secret of a
	// profile with a role, or of Google's and Azure's stores: it must not stay.
	Config []byte
	// Env are variables of its environment, for what is secret.
	Env map[string]string
	// Mounted is a directory that must exist where the program runs, and Directory
	// that of the repository in it. Both are empty for a store.
	Mounted, Directory string
	// Owner is USER@HOST of the snapshots.
	Owner string
	// Server says that the repository is behind a repository server.
	Server bool
}

// ProgramAccessTo returns the access, with the cache in a directory of the place where
// the program runs.
func ProgramAccessTo(loc Location, cacheDir string) (ProgramAccess, error) {
	if loc.isServer() {
		return serverAccess(loc, cacheDir)
	}
	a := ProgramAccess{Env: map[string]string{"KOPIA_PASSWORD": loc.Password}}
	conn, err := a.connection(loc)
	if err != nil {
		return ProgramAccess{}, err
	}
	owner := loc.clientOptions()
	a.Owner = owner.Username + "@" + owner.Hostname
	owner.Username = programUser
	a.Config, err = programConfig(&repo.LocalConfig{Storage: &conn, ClientOptions: owner}, cacheDir, defaultCache())
	return a, err
}

// connection takes what is secret out of the program's terms for the location.
func (a *ProgramAccess) connection(loc Location) (blob.ConnectionInfo, error) {
	if loc.Profile != nil && loc.Profile.Location.Type == compat.LocationFilesystem {
		// Its directory is not on this machine.
		bucket, prefix, err := loc.repository()
		a.Mounted = loc.Profile.Location.Endpoint
		a.Directory = filepath.Join(a.Mounted, bucket, prefix)
		if err == nil && !filepath.IsAbs(a.Mounted) {
			err = failure(CodeBadRequest, nil, "a filesystem location needs an absolute directory as its endpoint, found %q", a.Mounted)
		}
		return blob.ConnectionInfo{Type: "filesystem", Config: &filesystem.Options{Path: a.Directory, FileMode: 0o600, DirectoryMode: 0o700}}, err
	}
	conn, err := loc.programConnection()
	// To assume a role, kopia takes the keys from its configuration alone.
	if opt, ok := conn.Config.(*s3.Options); ok && opt.RoleARN == "" {
		bare := *opt
		a.setKey("AWS_ACCESS_KEY_ID", &bare.AccessKeyID)
		a.setKey("AWS_SECRET_ACCESS_KEY", &bare.SecretAccessKey)
		a.setKey("AWS_SESSION_TOKEN", &bare.SessionToken)
		conn.Config = &bare
	}
	return conn, err
}

// setKey moves a key from the configuration to the environment.
func (a *ProgramAccess) setKey(name string, key *string) {
	if *key != "" {
		a.Env[name] = *key
	}
	*key = ""
}

func serverAccess(loc Location, cacheDir string) (ProgramAccess, error) {
	if loc.Password != "" {
		return ProgramAccess{}, failure(CodeBadRequest, nil, "a repository server has the encryption key itself: give none, and use the functions for Kopia servers")
	}
	config, err := serverConfig(loc.Profile)
	if err != nil {
		return ProgramAccess{}, err
	}
	login := loc.Profile.Credential.KopiaServerSecret
	text, err := programConfig(config, cacheDir, serverCache(login.ConnectOptions))
	return ProgramAccess{
		Config: text,
		Env:    map[string]string{"KOPIA_PASSWORD": login.Password},
		Owner:  login.Username + "@" + login.Hostname,
		Server: true,
	}, err
}

func programConfig(lc *repo.LocalConfig, cacheDir string, sizes cacheSizes) ([]byte, error) {
	lc.Caching = &content.CachingOptions{
		CacheDirectory:              cacheDir,
		ContentCacheSizeBytes:       sizes.content,
		ContentCacheSizeLimitBytes:  sizes.content,
		MetadataCacheSizeBytes:      sizes.metadata,
		MetadataCacheSizeLimitBytes: sizes.metadata,
	}
	text, err := json.Marshal(lc)
	if err != nil {
		return nil, fmt.Errorf("configuration of the repository: %w", err)
	}
	return text, nil
}

// EmptyRepository returns the files of a new repository for the location, as kopia keeps
// it in a directory, by their paths. It has the keys that every first backup of Rescue
// gives it, so it does not matter which of several that are made at once stays.
func EmptyRepository(ctx context.Context, loc Location) (_ map[string][]byte, err error) {
	if loc.Password == "" {
		return nil, failure(CodeBadRequest, nil, "a new repository at %s needs an encryption key", loc)
	}
	dir, err := os.MkdirTemp("", "rescue-new-")
	if err != nil {
		return nil, err
	}
	defer func() { err = joinRemoved(err, dir) }()
	opt, err := deriveOptions(loc)
	if err != nil {
		return nil, err
	}
	st, err := filesystem.New(ctx, &filesystem.Options{Path: dir, FileMode: 0o600, DirectoryMode: 0o700}, true)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(repo.Initialize(ctx, st, opt, loc.Password), st.Close(ctx)); err != nil {
		return nil, err
	}
	return readFiles(dir)
}

// readFiles returns what is in a directory, by relative paths.
func readFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil {
			files[rel], err = os.ReadFile(path)
		}
		return err
	})
	return files, err
}

// ProgramSnapshot is a snapshot as the kopia program lists it.
type ProgramSnapshot struct {
	Snapshot
	// Owner is USER@HOST.
	Owner, Origin string
	// Incomplete is one that was interrupted.
	Incomplete bool
}

// ParseProgramSnapshots reads what `kopia snapshot list --json` prints. The oldest
// comes first.
func ParseProgramSnapshots(text []byte) ([]ProgramSnapshot, error) {
	var mans []*snapshot.Manifest
	if err := json.Unmarshal(text, &mans); err != nil {
		return nil, fmt.Errorf("the program's list of snapshots: %w", err)
	}
	all := make([]ProgramSnapshot, 0, len(mans))
	for _, m := range mans {
		if m != nil {
			all = append(all, programSnapshot(m))
		}
	}
	slices.SortStableFunc(all, func(a, b ProgramSnapshot) int { return a.Start.Compare(b.Start) })
	return all, nil
}

// ParseProgramSnapshot reads what `kopia snapshot create --json` prints.
func ParseProgramSnapshot(text []byte) (ProgramSnapshot, error) {
	var man snapshot.Manifest
	if err := json.Unmarshal(text, &man); err != nil {
		return ProgramSnapshot{}, fmt.Errorf("the program's description of the snapshot: %w", err)
	}
	if man.ID == "" {
		return ProgramSnapshot{}, errors.New("the program's description of the snapshot has no ID")
	}
	return programSnapshot(&man), nil
}

func programSnapshot(m *snapshot.Manifest) ProgramSnapshot {
	return ProgramSnapshot{
		Snapshot:   describe(m),
		Owner:      m.Source.UserName + "@" + m.Source.Host,
		Origin:     m.Tags[originKey],
		Incomplete: m.IncompleteReason != "",
	}
}
