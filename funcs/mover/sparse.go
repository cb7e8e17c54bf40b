package mover

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// sparseBlock is the smallest hole that is left.
const sparseBlock = 4096

// copySparse copies r to an empty file and leaves holes where blocks of zeros are.
func copySparse(w *os.File, r io.Reader, buf []byte) error {
	var size int64
	for {
		n, err := io.ReadFull(r, buf)
		if err := writeSparse(w, buf[:n], size); err != nil {
			return err
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return w.Truncate(size) // a hole at the end is written by nothing else
		}
		if err != nil {
			return err
		}
	}
}

// writeSparse writes the parts of data that are not zero to where they belong.
func writeSparse(w *os.File, data []byte, at int64) error {
	zeros := make([]byte, sparseBlock)
	for start := 0; start < len(data); {
		end := start
		for end < len(data) && !bytes.Equal(data[end:min(end+sparseBlock, len(data))], zeros[:min(sparseBlock, len(data)-end)]) {
			end = min(end+sparseBlock, len(data))
		}
		if _, err := w.WriteAt(data[start:end], at+int64(start)); err != nil {
			return err
		}
		start = end + sparseBlock // the zeros
	}
	return nil
}
