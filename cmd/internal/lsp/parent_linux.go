package lsp

import (
	"context"

	"golang.org/x/sys/unix"
)

// watchParent closes the channel when the process with that id ends. Without an id, or
// where there is no such process, as in a container of one's own, the end of standard
// input has to do.
func watchParent(ctx context.Context, pid int) <-chan struct{} {
	if pid <= 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	stop, wake, err := wakeable()
	if err != nil {
		unix.Close(fd)
		return nil
	}
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() { unix.Close(wake) })
	go func() {
		defer unix.Close(fd)
		defer unix.Close(stop)
		if pollEnd(fd, stop) {
			close(ended)
		}
	}()
	return ended
}

// wakeable makes a pipe: closing the one end wakes who polls the other.
func wakeable() (poll, wake int, err error) {
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_CLOEXEC)
	return p[0], p[1], err
}

// pollEnd waits for the end of a process, and reports whether it came before that of stop.
func pollEnd(pidfd, stop int) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil || fds[1].Revents != 0:
			return false
		case fds[0].Revents != 0:
			return true
		}
	}
}
