package rdstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

// Options say how the server behaves.
type Options struct {
	// Looks is how often a thing must be looked at for each change of its state.
	Looks int
	// Lag is how many looks do not find what was just made or renamed.
	Lag int
	// UndeletableWhileCreating refuses to delete an instance that is being made.
	UndeletableWhileCreating bool
	// MaxInstances and MaxSnapshots are quotas; 0 is none.
	MaxInstances, MaxSnapshots int
	// PageSize is how many things an answer lists at most; 0 is RDS's 100.
	PageSize int
}

// Server imitates RDS. Its faults, keys and notes are those of the awstest.Server.
type Server struct {
	*awstest.Server
	Options Options
	Backend Backend

	ctx context.Context //nolint:containedctx // work in the background ends with the test

	mu        sync.Mutex
	instances map[string]*instance
	clusters  map[string]*cluster
	snapshots map[string]*snapshot // of both kinds, the cluster's with a prefix
	outcomes  map[string]string
	work      sync.WaitGroup
}

// New starts a server.
func New(t testing.TB, backend Backend, o Options) *Server {
	t.Helper()
	s := &Server{
		Server: awstest.New(t), Options: o, Backend: backend, ctx: t.Context(),
		instances: map[string]*instance{}, clusters: map[string]*cluster{}, snapshots: map[string]*snapshot{}, outcomes: map[string]string{},
	}
	t.Cleanup(s.work.Wait)
	s.Serve(&awstest.Service{Name: "rds", Version: "2014-10-31", Actions: s.actions()})
	return s
}

func (s *Server) actions() map[string]awstest.Action {
	all := map[string]awstest.Action{}
	for name, a := range map[string]func(*awstest.Call) (any, error){
		"DescribeDBInstances":             s.describeInstances,
		"DescribeDBClusters":              s.describeClusters,
		"DescribeDBSnapshots":             s.describeSnapshots,
		"DescribeDBClusterSnapshots":      s.describeClusterSnapshots,
		"CreateDBSnapshot":                s.createSnapshot,
		"CreateDBClusterSnapshot":         s.createClusterSnapshot,
		"DeleteDBSnapshot":                s.deleteSnapshot,
		"DeleteDBClusterSnapshot":         s.deleteClusterSnapshot,
		"RestoreDBInstanceFromDBSnapshot": s.restoreInstance,
		"RestoreDBClusterFromSnapshot":    s.restoreCluster,
		"CreateDBInstance":                s.createInstance,
		"ModifyDBInstance":                s.modifyInstance,
		"ModifyDBCluster":                 s.modifyCluster,
		"DeleteDBInstance":                s.deleteInstance,
		"DeleteDBCluster":                 s.deleteCluster,
		"AddTagsToResource":               s.addTags,
		"RemoveTagsFromResource":          s.removeTags,
	} {
		all[name] = func(c *awstest.Call) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return a(c)
		}
	}
	return all
}

// End makes the next thing that an action makes end in another state than available.
func (s *Server) End(action, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[action] = status
}

// outcome is the state that what an action makes will end in.
func (s *Server) outcome(action string) string {
	status := cmp.Or(s.outcomes[action], "available")
	delete(s.outcomes, action)
	return status
}

// background does work of the backend, and returns what is closed when it is done.
// Work that fails puts the thing into the state failed.
func (s *Server) background(l *lifecycle, do func(context.Context) error) <-chan struct{} {
	ready := make(chan struct{})
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		err := do(s.ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			l.begin(step{status: "failed"})
		}
		close(ready)
	}()
	return ready
}

func refuse(code, format string, args ...any) error {
	return &awstest.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// notFound has RDS's status for things that are not there.
func notFound(code, format string, args ...any) error {
	return &awstest.Error{Code: code, Message: fmt.Sprintf(format, args...), Status: 404}
}

var identifier = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)

// checkName refuses what cannot be the name of an instance, a cluster or a snapshot.
func checkName(parameter, id string) (string, error) {
	id = strings.ToLower(id)
	if len(id) > 63 || !identifier.MatchString(id) {
		return "", refuse("InvalidParameterValue", "The parameter %s is not a valid identifier. Identifiers must begin with a letter; "+
			"must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter)
	}
	return id, nil
}

func (s *Server) arn(kind, id string) string {
	return fmt.Sprintf("arn:aws:rds:test-1:123456789012:%s:%s", kind, id)
}

// sorted lists the things of a map by name.
func sorted[T any](all map[string]T) []T {
	var list []T
	for _, k := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[k])
	}
	return list
}

// page is the part of a list that a request asks for.
func page[T any](s *Server, c *awstest.Call, all []T) ([]T, string, error) {
	size, err := c.Int("MaxRecords")
	if err != nil {
		return nil, "", err
	}
	return awstest.Page(all, c.Get("Marker"), cmp.Or(size, int32(s.Options.PageSize), 100))
}

// filters are those of a request by name.
func filters(c *awstest.Call) map[string][]string {
	all := map[string][]string{}
	for _, f := range c.Forms("Filters.Filter") {
		all[f.Get("Name")] = f.List("Values.Value")
	}
	return all
}

// Pass lets time pass for all instances, clusters and snapshots, as a look at each does.
func (s *Server) Pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range sorted(s.instances) {
		i.look()
	}
	for _, k := range sorted(s.clusters) {
		k.look()
	}
	for _, n := range sorted(s.snapshots) {
		n.look()
	}
}
