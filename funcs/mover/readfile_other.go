//go:build !unix

package mover

import (
	"errors"
	"io"
)

// readFile reads a file until its end or that of the buffer.
func readFile(path string, buf []byte) (int, error) {
	f, err := openNoFollow(path)
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, errors.Join(err, f.Close())
}
