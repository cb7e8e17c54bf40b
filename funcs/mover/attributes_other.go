//go:build !unix

package mover

import (
	"os"
	"time"

	"github.com/kopia/kopia/fs"
)

func owner(os.FileInfo) fs.OwnerInfo { return fs.OwnerInfo{} }

func openNoFollow(path string) (*os.File, error) { return os.Open(path) }

func setTimes(path string, mtime time.Time) error { return os.Chtimes(path, mtime, mtime) }
