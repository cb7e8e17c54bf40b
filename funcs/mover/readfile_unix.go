//go:build unix

package mover

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readFile reads a file as openNoFollow opens it, until its end or that of the buffer. It
// spares what an os.File costs, which is as much as reading a few KiB.
func readFile(path string, buf []byte) (int, error) {
	fd, err := again(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for n < len(buf) {
		more, err := again(func() (int, error) { return unix.Read(fd, buf[n:]) })
		if err != nil {
			return n, errors.Join(err, unix.Close(fd))
		}
		if more == 0 {
			break
		}
		n += more
	}
	return n, unix.Close(fd)
}

// again repeats a system call that a signal has interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
