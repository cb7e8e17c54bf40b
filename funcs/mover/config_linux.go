package mover

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newConfigFile keeps the text in memory under a path that kopia can open, so
// that credentials never reach a disk.
func newConfigFile(text []byte) (*configFile, error) {
	fd, err := unix.MemfdCreate("rescue-repository", unix.MFD_CLOEXEC)
	if err != nil {
		return newConfigOnDisk(text)
	}
	f := os.NewFile(uintptr(fd), "repository configuration")
	if _, err := f.Write(text); err != nil {
		f.Close()
		return nil, err
	}
	return &configFile{path: fmt.Sprintf("/proc/self/fd/%d", fd), remove: f.Close}, nil
}
