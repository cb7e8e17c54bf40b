package local

import (
	"errors"
	"io"
)

// closing closes c on the way out of a failure, and adds its error to err.
func closing(err error, c io.Closer) error {
	return errors.Join(err, c.Close())
}
