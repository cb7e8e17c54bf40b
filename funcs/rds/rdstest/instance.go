package rdstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

// Instance is what a test sees of an instance, or says about one that is to be there.
type Instance struct {
	ID, Resource, Status   string
	Engine, Version, Class string
	SecurityGroups         []string
	SubnetGroup            string
	ParameterGroup         string
	Tags                   map[string]string
	AllocatedGiB           int
	Protected, Public      bool
	MultiAZ                bool
	Retention              int
	// Cluster is the one that it belongs to, Tier its rank there.
	Cluster string
	Tier    int
	// Host and Port are its endpoint.
	Host string
	Port int
}

type instance struct {
	Instance
	lifecycle
}

// AddInstance makes an instance that is there from the beginning, and available. It
// returns its resource ID.
func (s *Server) AddInstance(i Instance) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.newInstance(i)
	made.status = "available"
	return made.Resource
}

func (s *Server) newInstance(i Instance) *instance {
	i.Resource = fmt.Sprintf("db-%06d", s.Serial())
	i.Engine, i.Class = cmp.Or(i.Engine, "postgres"), cmp.Or(i.Class, "db.t3.micro")
	i.Version = cmp.Or(i.Version, "15.8")
	i.SubnetGroup, i.AllocatedGiB = cmp.Or(i.SubnetGroup, "default"), cmp.Or(i.AllocatedGiB, 20)
	i.ParameterGroup = cmp.Or(i.ParameterGroup, "default."+i.Engine)
	i.Tags = maps.Clone(i.Tags)
	if i.Tags == nil {
		i.Tags = map[string]string{}
	}
	if len(i.SecurityGroups) == 0 {
		i.SecurityGroups = []string{"sg-default"}
	}
	made := &instance{Instance: i}
	s.instances[i.ID] = made
	return made
}

// Instance returns an instance as it is, and whether there is one.
func (s *Server) Instance(id string) (Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.instances[id]
	if !ok {
		return Instance{}, false
	}
	seen := i.Instance
	seen.Status = i.status
	seen.Tags = maps.Clone(i.Tags)
	return seen, true
}

// Instances lists the names of all instances.
func (s *Server) Instances() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.instances))
}

// SetStatus puts an instance or a cluster into a state in which it stays.
func (s *Server) SetStatus(id, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.instances[id]; ok {
		i.begin()
		i.status = status
	}
	if k, ok := s.clusters[id]; ok {
		k.begin()
		k.status = status
	}
}

// Busy puts an instance into a state that passes.
func (s *Server) Busy(id, status string, looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[id].begin(step{status: status, looks: looks}, step{status: "available"})
}

func (s *Server) describeInstances(c *awstest.Call) (any, error) {
	if id := c.Get("DBInstanceIdentifier"); id != "" {
		i, ok := s.instances[id]
		if !ok || !i.look() || s.instances[id] != i {
			return nil, notFound("DBInstanceNotFound", "DBInstance %s not found.", id)
		}
		return instanceList{Instances: []xmlInstance{s.instanceXML(i)}}, nil
	}
	by := filters(c)
	var found []xmlInstance
	for _, i := range sorted(s.instances) {
		if wanted, ok := by["dbi-resource-id"]; ok && !slices.Contains(wanted, i.Resource) {
			continue
		}
		if wanted, ok := by["db-cluster-id"]; ok && !slices.Contains(wanted, i.Cluster) {
			continue
		}
		if i.look() && s.instances[i.ID] == i {
			found = append(found, s.instanceXML(i))
		}
	}
	found, marker, err := page(s, c, found)
	return instanceList{Instances: found, Marker: marker}, err
}

// freeInstance checks name and quota of a new instance.
func (s *Server) freeInstance(c *awstest.Call) (string, error) {
	id, err := checkName("DBInstanceIdentifier", c.Get("DBInstanceIdentifier"))
	switch {
	case err != nil:
		return "", err
	case s.instances[id] != nil:
		return "", refuse("DBInstanceAlreadyExists", "DB instance already exists")
	case s.Options.MaxInstances > 0 && len(s.instances) >= s.Options.MaxInstances:
		return "", refuse("InstanceQuotaExceeded", "Cannot create more than %d DB instances", s.Options.MaxInstances)
	}
	return id, nil
}

func (s *Server) restoreInstance(c *awstest.Call) (any, error) {
	id, err := s.freeInstance(c)
	if err != nil {
		return nil, err
	}
	snap, ok := s.snapshots[c.Get("DBSnapshotIdentifier")]
	switch {
	case !ok:
		return nil, notFound("DBSnapshotNotFound", "DBSnapshot %s not found", c.Get("DBSnapshotIdentifier"))
	case snap.status != "available":
		return nil, refuse("InvalidDBSnapshotState", "The snapshot is %s", snap.status)
	}
	retention, err := c.Int("BackupRetentionPeriod")
	if err != nil {
		return nil, err
	}
	i := s.newInstance(Instance{
		ID: id, Engine: snap.of.Engine, Version: snap.of.Version, AllocatedGiB: snap.of.AllocatedGiB,
		Class: cmp.Or(c.Get("DBInstanceClass"), snap.of.Class), SubnetGroup: c.Get("DBSubnetGroupName"),
		SecurityGroups: c.List("VpcSecurityGroupIds.VpcSecurityGroupId"), Tags: c.Tags("Tags.Tag"),
		ParameterGroup: c.Get("DBParameterGroupName"), Protected: c.Bool("DeletionProtection"),
		Public: c.Bool("PubliclyAccessible"), MultiAZ: c.Bool("MultiAZ"), Retention: int(retention),
	})
	ready := s.background(&i.lifecycle, func(ctx context.Context) error { return s.Backend.Restore(ctx, i.Resource, snap.arn) })
	s.born(i, ready, s.outcome("RestoreDBInstanceFromDBSnapshot"))
	return instanceAnswer{s.instanceXML(i)}, nil
}

// born lets an instance come to life as RDS does.
func (s *Server) born(i *instance, ready <-chan struct{}, end string) {
	i.hidden = s.Options.Lag
	i.begin(
		step{status: "creating", looks: s.Options.Looks, ready: ready},
		step{status: "backing-up", looks: s.Options.Looks},
		step{status: end},
	)
}

func (s *Server) createInstance(c *awstest.Call) (any, error) {
	id, err := s.freeInstance(c)
	if err != nil {
		return nil, err
	}
	k, ok := s.clusters[c.Get("DBClusterIdentifier")]
	if !ok {
		return nil, notFound("DBClusterNotFoundFault", "DBCluster %s not found.", c.Get("DBClusterIdentifier"))
	}
	tier, err := c.Int("PromotionTier")
	if err != nil {
		return nil, err
	}
	i := s.newInstance(Instance{
		ID: id, Engine: c.Get("Engine"), Version: k.Version, Class: c.Get("DBInstanceClass"), Cluster: k.ID, Tier: int(tier),
		ParameterGroup: c.Get("DBParameterGroupName"), Tags: c.Tags("Tags.Tag"), Public: c.Bool("PubliclyAccessible"),
	})
	s.born(i, nil, s.outcome("CreateDBInstance"))
	return instanceAnswer{s.instanceXML(i)}, nil
}

func (s *Server) modifyInstance(c *awstest.Call) (any, error) {
	i, ok := s.instances[c.Get("DBInstanceIdentifier")]
	if !ok {
		return nil, notFound("DBInstanceNotFound", "DBInstance %s not found.", c.Get("DBInstanceIdentifier"))
	}
	if i.status != "available" {
		return nil, refuse("InvalidDBInstanceState", "Database instance is not in available state.")
	}
	if c.Has("NewDBInstanceIdentifier") {
		to, err := checkName("NewDBInstanceIdentifier", c.Get("NewDBInstanceIdentifier"))
		if err != nil {
			return nil, err
		}
		if s.instances[to] != nil {
			return nil, refuse("DBInstanceAlreadyExists", "DB instance already exists")
		}
		if !c.Bool("ApplyImmediately") {
			return nil, refuse("InvalidParameterCombination", "this server renames at once only")
		}
		i.begin(step{status: "renaming", looks: s.Options.Looks, then: func() {
			delete(s.instances, i.ID)
			i.ID, i.hidden = to, s.Options.Lag
			s.instances[to] = i
		}}, step{status: s.outcome("ModifyDBInstance")})
	}
	return instanceAnswer{s.instanceXML(i)}, nil
}

func (s *Server) deleteInstance(c *awstest.Call) (any, error) {
	i, ok := s.instances[c.Get("DBInstanceIdentifier")]
	switch {
	case !ok:
		return nil, notFound("DBInstanceNotFound", "DBInstance %s not found.", c.Get("DBInstanceIdentifier"))
	case i.Protected:
		return nil, refuse("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion protection and try again.")
	case i.status == "deleting", i.status == "renaming", i.status == "creating" && s.Options.UndeletableWhileCreating:
		return nil, refuse("InvalidDBInstanceState", "Instance %s is currently %s.", i.ID, i.status)
	case !c.Bool("SkipFinalSnapshot") && !c.Has("FinalDBSnapshotIdentifier") && i.Cluster == "":
		return nil, refuse("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	}
	i.hidden = 0
	i.begin(step{status: "deleting", looks: s.Options.Looks, then: func() {
		delete(s.instances, i.ID)
		if i.Cluster == "" {
			s.Backend.Delete(i.Resource)
		}
	}}, step{status: "deleted"})
	return instanceAnswer{s.instanceXML(i)}, nil
}
