//go:build !unix

package local

import "os"

func lockState(string) (*os.File, error) { return nil, errNeedsLinux }
