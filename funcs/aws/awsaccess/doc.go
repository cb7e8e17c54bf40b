// Package awsaccess is how functions reach AWS: whose credentials they use, in which
// region, what their errors say, and how what they make is found again.
//
// It imports no client of a service but STS, which changes credentials for those of a
// role. A function makes the client that it needs of an Account's Config.
package awsaccess

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Options say how AWS is reached. The zero value is what the SDK does by itself: it
// knows Amazon's endpoints, and honours AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_EC2 and the
// like, AWS_CA_BUNDLE, AWS_MAX_ATTEMPTS and the shared configuration files.
type Options struct {
	// BaseEndpoint takes the place of the endpoints of all services. Empty: theirs.
	BaseEndpoint string
	// HTTPClient sends the requests. Nil: the SDK's own.
	HTTPClient aws.HTTPClient
	// MaxAttempts is how often a request is sent at most, when AWS throttles it or
	// does not answer. 0: what the environment says, or else DefaultMaxAttempts.
	MaxAttempts int
	// MaxBackoff is the longest pause between two attempts. 0: the SDK's 20 seconds.
	MaxBackoff time.Duration
	// Poll is the least and MaxPoll the longest pause between two looks at something
	// that AWS works on. 0: DefaultPoll and DefaultMaxPoll.
	Poll, MaxPoll time.Duration
}

const (
	// DefaultMaxAttempts is more than the SDK's three: the limits of EC2 and RDS are
	// those of the whole account, and whoever shares it has to wait for the others.
	DefaultMaxAttempts = 8
	// DefaultPoll and DefaultMaxPoll keep the waiting of many phases within AWS's
	// limits, without a snapshot of a minute taking two.
	DefaultPoll    = 5 * time.Second
	DefaultMaxPoll = 30 * time.Second
)

// Polling returns the least and the longest pause between two looks, for the options
// of the SDK's waiters.
func (o Options) Polling() (least, longest time.Duration) {
	least, longest = o.Poll, o.MaxPoll
	if least == 0 {
		least = DefaultPoll
	}
	if longest == 0 {
		longest = DefaultMaxPoll
	}
	return least, max(least, longest)
}
