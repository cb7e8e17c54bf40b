package main

import (
	"fmt"

	"github.com/rescuecue/rescue/cmd/internal/cli"
)

// usage says that the command line is wrong.
func usage(format string, args ...any) error {
	return &cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf(format, args...)}
}

// cannot says that a file, the network or the cluster did not let us.
func cannot(err error) error {
	if err == nil {
		return nil
	}
	return &cli.ExitError{Code: cli.ExitCannot, Err: err}
}

// failed says that what was asked for did not work out.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &cli.ExitError{Code: cli.ExitFindings, Err: err}
}
