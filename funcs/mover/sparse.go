package mover

import (
	"bytes"
	"os"
)

// sparseBlock is the smallest hole that is left, and what holes are aligned to.
const sparseBlock = 4096

// writeSparse writes the parts of data that are not zero to where they belong. The file
// is as long already as it will be.
func writeSparse(w *os.File, data []byte, at int64) error {
	for len(data) > 0 {
		n := 0
		for n < len(data) && !isZero(block(data[n:], at+int64(n))) {
			n += len(block(data[n:], at+int64(n)))
		}
		if n == 0 {
			n = len(block(data, at)) // a hole
		} else if _, err := w.WriteAt(data[:n], at); err != nil {
			return err
		}
		data, at = data[n:], at+int64(n)
	}
	return nil
}

// block returns the data up to the end of the file's block that it begins in.
func block(data []byte, at int64) []byte {
	return data[:min(int64(len(data)), sparseBlock-at%sparseBlock)]
}

func isZero(data []byte) bool {
	var zeros [sparseBlock]byte
	return bytes.Equal(data, zeros[:len(data)])
}
