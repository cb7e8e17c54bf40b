package rdstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

// Cluster is what a test sees of an Aurora cluster, or says about one that is to be
// there.
type Cluster struct {
	ID, Resource, Status string
	Engine, Version      string
	SecurityGroups       []string
	SubnetGroup          string
	ParameterGroup       string
	Tags                 map[string]string
	Protected            bool
	// MinCapacity and MaxCapacity are the limits of a serverless cluster; 0 is none.
	MinCapacity, MaxCapacity float64
}

type cluster struct {
	Cluster
	lifecycle
}

// AddCluster makes a cluster that is there from the beginning, and available. It
// returns its resource ID. Its instances are added with AddInstance.
func (s *Server) AddCluster(k Cluster) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.newCluster(k)
	made.status = "available"
	return made.Resource
}

func (s *Server) newCluster(k Cluster) *cluster {
	k.Resource = fmt.Sprintf("cluster-%06d", s.Serial())
	k.Engine, k.Version = cmp.Or(k.Engine, "aurora-postgresql"), cmp.Or(k.Version, "15.4")
	k.SubnetGroup, k.ParameterGroup = cmp.Or(k.SubnetGroup, "default"), cmp.Or(k.ParameterGroup, "default."+k.Engine)
	k.Tags = maps.Clone(k.Tags)
	if k.Tags == nil {
		k.Tags = map[string]string{}
	}
	if len(k.SecurityGroups) == 0 {
		k.SecurityGroups = []string{"sg-default"}
	}
	made := &cluster{Cluster: k}
	s.clusters[k.ID] = made
	return made
}

// Cluster returns a cluster as it is, and whether there is one.
func (s *Server) Cluster(id string) (Cluster, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.clusters[id]
	if !ok {
		return Cluster{}, false
	}
	seen := k.Cluster
	seen.Status = k.status
	seen.Tags = maps.Clone(k.Tags)
	return seen, true
}

// Clusters lists the names of all clusters.
func (s *Server) Clusters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.clusters))
}

func (s *Server) describeClusters(c *awstest.Call) (any, error) {
	if id := c.Get("DBClusterIdentifier"); id != "" {
		k, ok := s.clusters[id]
		if !ok || !k.look() || s.clusters[id] != k {
			return nil, notFound("DBClusterNotFoundFault", "DBCluster %s not found.", id)
		}
		return clusterList{Clusters: []xmlCluster{s.clusterXML(k)}}, nil
	}
	by := filters(c)
	var found []xmlCluster
	for _, k := range sorted(s.clusters) {
		if wanted, ok := by["db-cluster-resource-id"]; ok && !slices.Contains(wanted, k.Resource) {
			continue
		}
		if k.look() && s.clusters[k.ID] == k {
			found = append(found, s.clusterXML(k))
		}
	}
	found, marker, err := page(s, c, found)
	return clusterList{Clusters: found, Marker: marker}, err
}

func (s *Server) restoreCluster(c *awstest.Call) (any, error) {
	id, err := checkName("DBClusterIdentifier", c.Get("DBClusterIdentifier"))
	if err != nil {
		return nil, err
	}
	if s.clusters[id] != nil {
		return nil, refuse("DBClusterAlreadyExistsFault", "DB Cluster already exists")
	}
	snap, ok := s.snapshots[clusterPrefix+c.Get("SnapshotIdentifier")]
	switch {
	case !ok:
		return nil, notFound("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot not found: %s", c.Get("SnapshotIdentifier"))
	case snap.status != "available":
		return nil, refuse("InvalidDBClusterSnapshotStateFault", "The snapshot is %s", snap.status)
	case c.Get("Engine") != snap.of.Engine:
		return nil, refuse("InvalidParameterValue", "The engine %s does not match the snapshot's %s", c.Get("Engine"), snap.of.Engine)
	}
	k := s.newCluster(Cluster{
		ID: id, Engine: snap.of.Engine, Version: snap.of.Version, SubnetGroup: c.Get("DBSubnetGroupName"),
		SecurityGroups: c.List("VpcSecurityGroupIds.VpcSecurityGroupId"), Tags: c.Tags("Tags.Tag"),
		ParameterGroup: c.Get("DBClusterParameterGroupName"), Protected: c.Bool("DeletionProtection"),
	})
	k.hidden = s.Options.Lag
	ready := s.background(&k.lifecycle, func(ctx context.Context) error { return s.Backend.Restore(ctx, k.Resource, snap.arn) })
	k.begin(step{status: "creating", looks: s.Options.Looks, ready: ready}, step{status: s.outcome("RestoreDBClusterFromSnapshot")})
	return clusterAnswer{s.clusterXML(k)}, nil
}

func (s *Server) modifyCluster(c *awstest.Call) (any, error) {
	k, ok := s.clusters[c.Get("DBClusterIdentifier")]
	if !ok {
		return nil, notFound("DBClusterNotFoundFault", "DBCluster %s not found.", c.Get("DBClusterIdentifier"))
	}
	if k.status != "available" {
		return nil, refuse("InvalidDBClusterStateFault", "DB cluster is not available")
	}
	if c.Has("ServerlessV2ScalingConfiguration.MaxCapacity") {
		if _, err := fmt.Sscan(c.Get("ServerlessV2ScalingConfiguration.MinCapacity")+" "+c.Get("ServerlessV2ScalingConfiguration.MaxCapacity"),
			&k.MinCapacity, &k.MaxCapacity); err != nil {
			return nil, refuse("InvalidParameterValue", "capacity: %v", err)
		}
	}
	if !c.Has("NewDBClusterIdentifier") {
		return clusterAnswer{s.clusterXML(k)}, nil
	}
	to, err := checkName("NewDBClusterIdentifier", c.Get("NewDBClusterIdentifier"))
	if err != nil {
		return nil, err
	}
	if s.clusters[to] != nil {
		return nil, refuse("DBClusterAlreadyExistsFault", "DB Cluster already exists")
	}
	k.begin(step{status: "renaming", looks: s.Options.Looks, then: func() { s.clusterRenamed(k, to) }}, step{status: s.outcome("ModifyDBCluster")})
	return clusterAnswer{s.clusterXML(k)}, nil
}

// clusterRenamed takes the instances of the cluster along.
func (s *Server) clusterRenamed(k *cluster, to string) {
	for _, i := range s.instances {
		if i.Cluster == k.ID {
			i.Cluster = to
		}
	}
	delete(s.clusters, k.ID)
	k.ID, k.hidden = to, s.Options.Lag
	s.clusters[to] = k
}

func (s *Server) deleteCluster(c *awstest.Call) (any, error) {
	k, ok := s.clusters[c.Get("DBClusterIdentifier")]
	switch {
	case !ok:
		return nil, notFound("DBClusterNotFoundFault", "DBCluster %s not found.", c.Get("DBClusterIdentifier"))
	case k.Protected:
		return nil, refuse("InvalidParameterCombination", "Cannot delete protected Cluster, please disable deletion protection and try again.")
	case k.status == "deleting", k.status == "renaming", k.status == "creating" && s.Options.UndeletableWhileCreating:
		return nil, refuse("InvalidDBClusterStateFault", "DB cluster %s is currently %s.", k.ID, k.status)
	case s.serves(k.ID):
		return nil, refuse("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
	}
	k.hidden = 0
	k.begin(step{status: "deleting", looks: s.Options.Looks, then: func() {
		delete(s.clusters, k.ID)
		s.Backend.Delete(k.Resource)
	}}, step{status: "deleted"})
	return clusterAnswer{s.clusterXML(k)}, nil
}

// serves tells whether a cluster has instances that are not being deleted.
func (s *Server) serves(id string) bool {
	for _, i := range s.instances {
		if i.Cluster == id && i.status != "deleting" {
			return true
		}
	}
	return false
}
