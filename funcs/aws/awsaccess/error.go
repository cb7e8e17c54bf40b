package awsaccess

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// An Error is AWS's refusal of a request, as a user can act on it: what was asked, of
// what, what AWS said, and how to go on. It wraps the SDK's error.
type Error struct {
	// Task is what was to be done, such as "take a snapshot of volume vol-1".
	Task string
	// Service and Operation are AWS's names of what was asked: ec2, CreateSnapshot.
	Service, Operation string
	Region             string
	// Code and Message are what AWS said.
	Code, Message string
	// RequestID is what AWS's support asks for; it may be empty.
	RequestID string
	// Advice says how to go on; it may be empty.
	Advice string

	err error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s:%s in %s): AWS said %s", e.Task, e.Service, e.Operation, e.Region, e.Code)
	if e.Message != "" {
		b.WriteString(": " + strings.TrimRight(e.Message, ". \n"))
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap returns the SDK's error.
func (e *Error) Unwrap() error { return e.err }

// Explain says what an error of a client means. The task is what was to be done and of
// what: a format and its arguments. When AWS has answered, the result is an *Error;
// when the context has ended, errors.Is still finds that.
func (a *Account) Explain(err error, task string, args ...any) error {
	if err == nil {
		return nil
	}
	task = fmt.Sprintf(task, args...)
	api := smithy.APIError(nil)
	if !errors.As(err, &api) {
		return fmt.Errorf("%s: %w", task, err)
	}
	e := &Error{Task: task, Region: a.Region(), Code: api.ErrorCode(), Message: api.ErrorMessage(), err: err}
	if op := (*smithy.OperationError)(nil); errors.As(err, &op) {
		e.Service, e.Operation = strings.ToLower(op.Service()), op.Operation()
	}
	if response := (*awshttp.ResponseError)(nil); errors.As(err, &response) {
		e.RequestID = response.ServiceRequestID()
	}
	e.Advice = a.advice(e)
	return e
}

// Code is the code of AWS's answer, "" if the error is none of AWS's.
func Code(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// NotFound tells whether AWS said that there is no such thing: InvalidVolume.NotFound,
// DBSnapshotNotFound, DBInstanceNotFoundFault and the like.
func NotFound(err error) bool {
	return strings.HasSuffix(strings.TrimSuffix(Code(err), "Fault"), "NotFound")
}

// Throttled tells whether AWS said that it is asked too often.
func Throttled(err error) bool { return throttled(Code(err)) }

func throttled(code string) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || code == perVolumeRate
}

// perVolumeRate is EC2's code for a second snapshot of a volume within seconds, which
// the SDK does not know.
const perVolumeRate = "SnapshotCreationPerVolumeRateExceeded"
