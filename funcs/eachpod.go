package funcs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/validation"
)

// podsAtOnce is how many pods a data function works on at a time. The work is done in
// the pods; what is limited here is the load on the store and the cluster.
const podsAtOnce = 8

// podsOrAll returns the pods that are named, with blanks between them, or else those
// of the action's workload as they were when the action started. It finds each once.
func (e *Env) podsOrAll(named string) ([]string, error) {
	pods := strings.Fields(named)
	if len(pods) == 0 {
		kind, w := e.workload()
		switch {
		case w == nil:
			return nil, errors.New("without the argument pods, the action must be on a Deployment, StatefulSet or DeploymentConfig: name the pods")
		case len(w.Pods) == 0:
			return nil, fmt.Errorf("%s %s/%s had no running pods when the action started: scale it up, or name the pods", kind, w.Namespace, w.Name)
		}
		pods = w.Pods
	}
	pods = slices.Compact(slices.Sorted(slices.Values(pods)))
	for _, pod := range pods {
		if err := checkPodName(pod); err != nil {
			return nil, err
		}
	}
	return pods, nil
}

// checkPodName keeps what becomes part of a path from leading elsewhere.
func checkPodName(name string) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("%q is not the name of a pod", name)
	}
	return nil
}

// eachPod calls do for every pod, some at a time. It waits for all of them, and joins
// their errors. The progress of all is reported as one.
func (e *Env) eachPod(ctx context.Context, pods []string, do func(context.Context, *Env, string) error) error {
	errs := make([]error, len(pods))
	sum := &progressSum{report: e.Progress, parts: make([]Progress, len(pods))}
	var group errgroup.Group
	group.SetLimit(podsAtOnce)
	for i, pod := range pods {
		group.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				part := *e
				part.Progress = sum.part(i)
				errs[i] = do(ctx, &part, pod)
			}
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", pod, errs[i])
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return joined(ctx, errs)
}

// joined joins errors. When ctx has ended, that is said once.
func joined(ctx context.Context, errs []error) error {
	if err := ctx.Err(); err != nil {
		errs = slices.DeleteFunc(errs, func(e error) bool { return errors.Is(e, err) })
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// progressSum adds up the progress of several copies.
type progressSum struct {
	report func(Progress)
	mu     sync.Mutex
	parts  []Progress
}

// part returns what takes the progress of one copy, nil if nobody wants to know.
func (s *progressSum) part(i int) func(Progress) {
	if s.report == nil {
		return nil
	}
	return func(p Progress) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts[i] = p
		s.report(s.sum())
	}
}

func (s *progressSum) sum() Progress {
	var sum Progress
	for _, p := range s.parts {
		sum.HashedBytes += p.HashedBytes
		sum.CachedBytes += p.CachedBytes
		sum.UploadedBytes += p.UploadedBytes
		sum.RestoredBytes += p.RestoredBytes
		sum.EstimatedBytes += p.EstimatedBytes
	}
	return sum
}
