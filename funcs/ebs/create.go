package ebs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/kube"
)

// answerLimit is how long AWS may take to answer a creation after the phase has ended.
const answerLimit = 30 * time.Second

// uninterrupted is a context for a creation: if it were broken off, nobody would know
// whether there is something to remove.
func uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(answerLimit, cancel)
		context.AfterFunc(whole, func() { timer.Stop() })
	})
	return whole, func() {
		stop()
		cancel()
	}
}

// retryer is the one of a client, but for when a request is sent again.
type retryer struct {
	aws.Retryer
	again func(error) bool
}

// IsErrorRetryable implements aws.Retryer.
func (r retryer) IsErrorRetryable(err error) bool { return r.again(err) }

// create makes a request that is not broken off, and is sent again only while the
// phase lasts, for the reasons that again knows.
func create[T any](ctx context.Context, again func(aws.Retryer, error) bool, ask func(context.Context, func(*ec2.Options)) (T, error)) (T, error) {
	whole, done := uninterrupted(ctx)
	defer done()
	return ask(whole, func(o *ec2.Options) {
		own := o.Retryer
		o.Retryer = retryer{own, func(err error) bool { return ctx.Err() == nil && again(own, err) }}
	})
}

// anyReason is for requests that a token makes happen once.
func anyReason(r aws.Retryer, err error) bool { return r.IsErrorRetryable(err) }

// onlyRefused is for requests that AWS would carry out twice: those are sent again that
// it has certainly not carried out, because they were too many.
func onlyRefused(_ aws.Retryer, err error) bool { return awsaccess.Throttled(err) }

// undo removes what was made a moment ago. AWS may not know it yet, and then says that
// it is not there. What cannot be found after some looks is taken for gone.
func (c *client) undo(ctx context.Context, remove func() error) error {
	pause, _ := c.Options.Polling()
	for look := 1; ; look++ {
		err := remove()
		if !awsaccess.NotFound(err) {
			return err
		}
		if look == blindLooks {
			return nil
		}
		if err := kube.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
