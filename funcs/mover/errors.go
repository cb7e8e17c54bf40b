package mover

import (
	"context"
	"errors"
	"fmt"
)

// Code classifies an error so that it survives the way from a pod to the caller.
type Code string

// The codes of errors.
const (
	// CodeFailed is any failure that has no code of its own.
	CodeFailed Code = "failed"
	// CodeBadRequest is a request that makes no sense, such as one with neither
	// ID nor tag.
	CodeBadRequest Code = "bad-request"
	// CodeNoRepository says that nothing was ever backed up to the path.
	CodeNoRepository Code = "no-repository"
	// CodeWrongKey says that the repository has another password.
	CodeWrongKey Code = "wrong-key"
	// CodeUnreachable says that the store did not answer as a store should.
	CodeUnreachable Code = "unreachable"
	// CodeDenied says that the store refused the credentials.
	CodeDenied Code = "denied"
	// CodeNotFound says that there is no such snapshot, or no such path.
	CodeNotFound Code = "not-found"
	// CodeNoProgram says that the container has no program that moves data.
	CodeNoProgram Code = "no-program"
	// CodeVersion says that the two ends come from releases that do not fit.
	CodeVersion Code = "version"
	// CodeCanceled says that the caller went away or gave up.
	CodeCanceled Code = "canceled"
	// CodeInterrupted says that the work was given up because, while the store was
	// out of reach, another may have changed what it builds on. It can be repeated.
	CodeInterrupted Code = "interrupted"
)

// Error is a failure with a code. Its text is written for the user.
type Error struct {
	Code Code
	Text string
	// Err is the cause; it may be nil.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of an error: CodeCanceled for that of a context that
// ended, CodeFailed for one that has none.
func CodeOf(err error) Code {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return CodeCanceled
	}
	return CodeFailed
}

func failure(code Code, err error, format string, a ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, a...), Err: err}
}
