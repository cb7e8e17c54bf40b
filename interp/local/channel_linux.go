package local

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A channel carries messages, and open files with them, between rescue and the
// first process of a container.
type channel struct {
	conn    *net.UnixConn
	sending sync.Mutex
}

// newChannelPair gives one end as a channel, and the other as a file to inherit.
func newChannelPair() (*channel, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket for the container: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "container")
	ours, err := openChannel(fds[0])
	if err != nil {
		return nil, nil, closing(err, theirs)
	}
	return ours, theirs, nil
}

// openChannel takes the descriptor over.
func openChannel(fd int) (*channel, error) {
	file := os.NewFile(uintptr(fd), "channel")
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, closing(fmt.Errorf("open the container's socket: %w", err), file)
	}
	if err := file.Close(); err != nil {
		return nil, closing(err, conn)
	}
	sock, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, closing(fmt.Errorf("the container's socket is a %T", conn), conn)
	}
	return &channel{conn: sock}, nil
}

func (c *channel) Close() error { return c.conn.Close() }

// send writes a message whole, the files going with its first bytes.
func (c *channel) send(m message, files ...*os.File) error {
	data, err := encodeMessage(m)
	if err != nil {
		return err
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if len(files) > 0 {
		if err := c.sendFiles(data[:4], files); err != nil {
			return err
		}
		data = data[4:]
	}
	_, err = c.conn.Write(data)
	return err
}

func (c *channel) sendFiles(header []byte, files []*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	_, _, err := c.conn.WriteMsgUnix(header, unix.UnixRights(fds...), nil)
	return err
}

// receive waits for a message. The files that came with it are the caller's to
// close; they are not inherited by processes that are started.
func (c *channel) receive() (message, []int, error) {
	header, rights := make([]byte, 4), make([]byte, unix.CmsgSpace(3*4))
	n, oobn, _, _, err := c.conn.ReadMsgUnix(header, rights)
	if err != nil {
		return message{}, nil, err
	}
	if n == 0 {
		return message{}, nil, io.EOF
	}
	if _, err := io.ReadFull(c.conn, header[n:]); err != nil {
		return message{}, nil, err
	}
	fds, err := parseRights(rights[:oobn])
	if err != nil {
		return message{}, nil, err
	}
	m, err := decodeMessage(header, c.conn)
	return m, fds, err
}

func parseRights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	parts, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("files sent to the container: %w", err)
	}
	var fds []int
	for i := range parts {
		got, err := unix.ParseUnixRights(&parts[i])
		if err != nil {
			return nil, fmt.Errorf("files sent to the container: %w", err)
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

// closeAll closes descriptors that nobody else knows of.
func closeAll(fds []int) error {
	var first error
	for _, fd := range fds {
		if err := syscall.Close(fd); err != nil && first == nil {
			first = err
		}
	}
	return first
}
