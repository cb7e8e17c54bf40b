// Package ebs takes snapshots of the Amazon EBS volumes behind claims, and makes
// claims of the snapshots again. Volumes may be the CSI driver's or of the kind that
// was part of Kubernetes (awsElasticBlockStore).
package ebs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// A Phase is what the work of one phase needs. Use it by pointer.
type Phase struct {
	Kube kubernetes.Interface
	Log  *slog.Logger
	// Open gives access to a region of AWS, "" for the one that the profile or the
	// surroundings name.
	Open func(ctx context.Context, region string) (*awsaccess.Account, error)
	// Origin are tags of what the phase makes in AWS, and annotations of what it makes
	// in Kubernetes. A second attempt of the phase knows its own work by them. It is
	// empty where there are no attempts to know of.
	Origin map[string]string
	// Token is the same text for the same purpose in all attempts of the phase.
	Token func(purpose ...string) string

	mu      sync.Mutex
	clients map[string]*client // by region
}

// made says whether these tags or annotations are of this very phase.
func (p *Phase) made(marks map[string]string) bool {
	for key, value := range p.Origin {
		if marks[key] != value {
			return false
		}
	}
	return len(p.Origin) > 0
}

// client asks EC2 about one region.
type client struct {
	*awsaccess.Account
	api   api
	phase *Phase
}

// in returns the client of a region.
func (p *Phase) in(ctx context.Context, region string) (*client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[region]; c != nil {
		return c, nil
	}
	account, err := p.Open(ctx, region)
	if err != nil {
		return nil, err
	}
	if p.clients == nil {
		p.clients = map[string]*client{}
	}
	c := &client{Account: account, api: apiOf(ec2.NewFromConfig(account.Config)), phase: p}
	p.clients[region] = c
	return c, nil
}

// atOnce is how many volumes are worked on at a time. AWS does the work; what is
// limited here is how often it is asked.
const atOnce = 8

// each calls do for every item, some at a time, and joins the errors. With stop the
// first error ends the others.
func each[T any](ctx context.Context, stop bool, items []T, do func(context.Context, int, T) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, item := range items {
		group.Go(func() error {
			if errs[i] = inner.Err(); errs[i] == nil {
				errs[i] = do(inner, i, item)
			}
			if errs[i] != nil && stop {
				cancel()
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	if ctx.Err() == nil && stop {
		errs = withoutStopped(errs)
	}
	return errors.Join(errs...)
}

// withoutStopped drops the errors of those that were only stopped by another's.
func withoutStopped(errs []error) []error {
	var own []error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			own = append(own, err)
		}
	}
	return own
}

// removeLimit ends the removal of what came to nothing, also when AWS does not answer.
const removeLimit = 2 * time.Minute

// toRemove is a context for removing what was begun, after the phase's own has ended.
func toRemove(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
}
