package rdstest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

// clusterPrefix tells the snapshots of clusters from those of instances, which have
// names of their own.
const clusterPrefix = "cluster:"

type snapshot struct {
	id, arn string
	of      Instance // of a cluster: what both have
	tags    map[string]string
	lifecycle
}

// Snapshots lists the names of all snapshots, those of clusters as cluster:NAME.
func (s *Server) Snapshots() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.snapshots))
}

// SnapshotTags are the tags of a snapshot.
func (s *Server) SnapshotTags(key string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if snap, ok := s.snapshots[key]; ok {
		return maps.Clone(snap.tags)
	}
	return nil
}

// AddSnapshot makes a snapshot of a database's present data, available at once.
func (s *Server) AddSnapshot(id, of string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, source := id, Instance{}
	if k, ok := s.clusters[of]; ok {
		key, source = clusterPrefix+id, k.asInstance()
	} else {
		source = s.instances[of].Instance
	}
	snap := &snapshot{id: id, arn: s.arn("snapshot", key), of: source, lifecycle: lifecycle{status: "available"}}
	s.snapshots[key] = snap
	return s.Backend.Snapshot(s.ctx, source.Resource, snap.arn)
}

func (k *cluster) asInstance() Instance {
	return Instance{ID: k.ID, Resource: k.Resource, Engine: k.Engine, Version: k.Version}
}

func (s *Server) createSnapshot(c *awstest.Call) (any, error) {
	i, ok := s.instances[c.Get("DBInstanceIdentifier")]
	switch {
	case !ok:
		return nil, notFound("DBInstanceNotFound", "DBInstance %s not found.", c.Get("DBInstanceIdentifier"))
	case i.status != "available":
		return nil, refuse("InvalidDBInstanceState", "Cannot create a snapshot because the database instance %s is not currently in the available state.", i.ID)
	}
	id, err := s.freeSnapshot(c.Get("DBSnapshotIdentifier"), "", "DBSnapshotAlreadyExists")
	if err != nil {
		return nil, err
	}
	i.begin(step{status: "backing-up", looks: s.Options.Looks}, step{status: "available"})
	snap := s.take(id, id, i.Instance, c.Tags("Tags.Tag"), s.outcome("CreateDBSnapshot"))
	return snapshotAnswer{s.snapshotXML(snap)}, nil
}

func (s *Server) createClusterSnapshot(c *awstest.Call) (any, error) {
	k, ok := s.clusters[c.Get("DBClusterIdentifier")]
	switch {
	case !ok:
		return nil, notFound("DBClusterNotFoundFault", "DBCluster %s not found.", c.Get("DBClusterIdentifier"))
	case k.status != "available":
		return nil, refuse("InvalidDBClusterStateFault", "DB cluster %s is not available.", k.ID)
	}
	id, err := s.freeSnapshot(c.Get("DBClusterSnapshotIdentifier"), clusterPrefix, "DBClusterSnapshotAlreadyExistsFault")
	if err != nil {
		return nil, err
	}
	snap := s.take(clusterPrefix+id, id, k.asInstance(), c.Tags("Tags.Tag"), s.outcome("CreateDBClusterSnapshot"))
	return clusterSnapshotAnswer{s.clusterSnapshotXML(snap)}, nil
}

func (s *Server) freeSnapshot(name, prefix, taken string) (string, error) {
	id, err := checkName("DBSnapshotIdentifier", name)
	switch {
	case err != nil:
		return "", err
	case s.snapshots[prefix+id] != nil:
		return "", refuse(taken, "Cannot create the snapshot because a snapshot with the identifier %s already exists.", id)
	case s.Options.MaxSnapshots > 0 && len(s.snapshots) >= s.Options.MaxSnapshots:
		return "", refuse("SnapshotQuotaExceeded", "Cannot create more than %d manual snapshots", s.Options.MaxSnapshots)
	}
	return id, nil
}

func (s *Server) take(key, id string, of Instance, tags map[string]string, end string) *snapshot {
	snap := &snapshot{id: id, arn: s.arn("snapshot", key), of: of, tags: tags}
	snap.hidden = s.Options.Lag
	s.snapshots[key] = snap
	ready := s.background(&snap.lifecycle, func(ctx context.Context) error { return s.Backend.Snapshot(ctx, of.Resource, snap.arn) })
	snap.begin(step{status: "creating", looks: s.Options.Looks, ready: ready}, step{status: end})
	return snap
}

func (s *Server) deleteSnapshot(c *awstest.Call) (any, error) {
	snap, err := s.dropSnapshot(c.Get("DBSnapshotIdentifier"), "", "DBSnapshotNotFound", "InvalidDBSnapshotState")
	if err != nil {
		return nil, err
	}
	return snapshotAnswer{s.snapshotXML(snap)}, nil
}

func (s *Server) deleteClusterSnapshot(c *awstest.Call) (any, error) {
	snap, err := s.dropSnapshot(c.Get("DBClusterSnapshotIdentifier"), clusterPrefix, "DBClusterSnapshotNotFoundFault", "InvalidDBClusterSnapshotStateFault")
	if err != nil {
		return nil, err
	}
	return clusterSnapshotAnswer{s.clusterSnapshotXML(snap)}, nil
}

func (s *Server) dropSnapshot(id, prefix, missing, wrongState string) (*snapshot, error) {
	key := prefix + id
	snap, ok := s.snapshots[key]
	switch {
	case !ok:
		return nil, notFound(missing, "Snapshot %s not found", id)
	case snap.status != "available" && snap.status != "failed":
		return nil, refuse(wrongState, "Cannot delete the snapshot because it is not currently in the available or failed state.")
	}
	snap.begin(step{status: "deleting", looks: s.Options.Looks, then: func() {
		delete(s.snapshots, key)
		s.Backend.DeleteSnapshot(snap.arn)
	}}, step{status: "deleted"})
	return snap, nil
}

func (s *Server) describeSnapshots(c *awstest.Call) (any, error) {
	found, marker, err := s.findSnapshots(c, c.Get("DBSnapshotIdentifier"), "", "DBSnapshotNotFound")
	list := snapshotList{Marker: marker}
	for _, snap := range found {
		list.Snapshots = append(list.Snapshots, s.snapshotXML(snap))
	}
	return list, err
}

func (s *Server) describeClusterSnapshots(c *awstest.Call) (any, error) {
	found, marker, err := s.findSnapshots(c, c.Get("DBClusterSnapshotIdentifier"), clusterPrefix, "DBClusterSnapshotNotFoundFault")
	list := clusterSnapshotList{Marker: marker}
	for _, snap := range found {
		list.Snapshots = append(list.Snapshots, s.clusterSnapshotXML(snap))
	}
	return list, err
}

func (s *Server) findSnapshots(c *awstest.Call, id, prefix, missing string) ([]*snapshot, string, error) {
	if id != "" {
		snap, ok := s.snapshots[prefix+id]
		if !ok || !snap.look() || s.snapshots[prefix+id] != snap {
			return nil, "", notFound(missing, "Snapshot %s not found.", id)
		}
		return []*snapshot{snap}, "", nil
	}
	var found []*snapshot
	for _, key := range slices.Sorted(maps.Keys(s.snapshots)) {
		if snap := s.snapshots[key]; strings.HasPrefix(key, clusterPrefix) == (prefix != "") && snap.look() {
			found = append(found, snap)
		}
	}
	return page(s, c, found)
}
