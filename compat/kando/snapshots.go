package kando

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
)

// snapshots is a Kopia repository server. What is pushed becomes a snapshot, which
// the output of the push names.
type snapshots struct {
	server mover.Server
	path   string
	id     string // of the one to pull or delete
}

// snapshotInfo is the output of a push, as Kanister has it. Sizes are in bytes.
type snapshotInfo struct {
	ID           string `json:"id"`
	LogicalSize  int64  `json:"logicalSize"`
	PhysicalSize int64  `json:"physicalSize"`
}

func openSnapshots(ctx context.Context, profile *compat.Profile, f *locationFlags, talk io.Writer) (place, error) {
	id, err := snapshotID(f.snapshot)
	if err != nil {
		return nil, err
	}
	server, err := mover.OpenServer(ctx, profile, func() {
		fmt.Fprintf(talk, "kando: the repository server at %s refuses connections; waiting for it\n", profile.Location.Endpoint)
	})
	if err != nil {
		return nil, err
	}
	return &snapshots{server: server, path: f.path, id: id}, nil
}

// snapshotID reads --kopia-snapshot; without it the ID is empty.
func snapshotID(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var info snapshotInfo
	err := json.Unmarshal([]byte(text), &info)
	if err == nil && info.ID == "" {
		err = errors.New("it has no id")
	}
	if err != nil {
		return "", fmt.Errorf(`--kopia-snapshot: %w; it must be the output of the push, such as {"id":"1a2b…","logicalSize":5,"physicalSize":5}`, err)
	}
	return info.ID, nil
}

func (s *snapshots) push(ctx context.Context, source string, stdin io.Reader) (string, error) {
	stored, err := s.store(ctx, source, stdin)
	if err != nil {
		return "", err
	}
	src, err := json.Marshal(snapshotInfo{ID: stored.SnapshotID, LogicalSize: stored.RootSize, PhysicalSize: stored.PhysicalSize})
	return string(src), err
}

// store takes files and directories as they are, everything else as a stream.
func (s *snapshots) store(ctx context.Context, source string, stdin io.Reader) (mover.BackupResult, error) {
	if source != stdio {
		info, err := os.Stat(source)
		if err != nil {
			return mover.BackupResult{}, err
		}
		if info.IsDir() || info.Mode().IsRegular() {
			return s.server.Backup(ctx, mover.BackupRequest{Path: source})
		}
	}
	in, err := openSource(ctx, source, stdin)
	if err != nil {
		return mover.BackupResult{}, err
	}
	stored, err := s.server.BackupStream(ctx, mover.StreamRequest{Name: s.path, Content: in})
	return stored, errors.Join(err, in.Close())
}

func (s *snapshots) pull(ctx context.Context, target string, stdout io.Writer) error {
	if err := s.needID(); err != nil {
		return err
	}
	held := mover.Held{Stream: true}
	if target != stdio {
		var err error
		if held, err = s.server.HoldsStream(ctx, s.id, s.path); err != nil {
			return err
		}
	}
	if !held.Stream {
		return s.pullDirectory(ctx, target, held)
	}
	return writeTo(target, stdout, func(w io.Writer) error {
		return s.server.ReadStream(ctx, s.id, s.path, w)
	})
}

// pullDirectory writes the content of a directory into the target.
func (s *snapshots) pullDirectory(ctx context.Context, target string, held mover.Held) error {
	target, err := filepath.Abs(target)
	if err != nil {
		return err
	}
	_, err = s.server.Restore(ctx, mover.RestoreRequest{
		Selector: mover.Selector{ID: s.id}, Target: target, SubPath: held.Path,
	})
	return err
}

func (s *snapshots) delete(ctx context.Context) error {
	if err := s.needID(); err != nil {
		return err
	}
	return s.server.Delete(ctx, mover.Selector{ID: s.id})
}

func (s *snapshots) needID() error {
	if s.id == "" {
		return errors.New("--kopia-snapshot is missing: it says which snapshot of the repository server is meant, " +
			"and is the output of the push (in a blueprint: {{ .ArtifactsIn.NAME.KopiaSnapshot }})")
	}
	return nil
}

func (s *snapshots) close(ctx context.Context) error { return s.server.Close(ctx) }
