//go:build unix

package mover

import (
	"os"
	"syscall"
	"time"

	"github.com/kopia/kopia/fs"
	"golang.org/x/sys/unix"
)

// owner returns the user and group of a file.
func owner(info os.FileInfo) fs.OwnerInfo {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fs.OwnerInfo{UserID: st.Uid, GroupID: st.Gid}
	}
	return fs.OwnerInfo{}
}

// openNoFollow opens a file that was a regular file a moment ago. It neither
// follows a link nor waits for a pipe's writer, should it have been replaced.
func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// setTimes sets the modification time of a file or of a link itself.
func setTimes(path string, mtime time.Time) error {
	ts := unix.NsecToTimespec(mtime.UnixNano())
	err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &os.PathError{Op: "utimensat", Path: path, Err: err}
	}
	return nil
}
