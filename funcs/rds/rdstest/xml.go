package rdstest

import (
	"maps"
	"slices"
)

// What answers look like, as far as it is used.

type xmlTag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

func xmlTags(tags map[string]string) []xmlTag {
	var list []xmlTag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, xmlTag{k, tags[k]})
	}
	return list
}

type xmlGroup struct {
	ID     string `xml:"VpcSecurityGroupId"`
	Status string `xml:"Status"`
}

func xmlGroups(ids []string) []xmlGroup {
	var list []xmlGroup
	for _, id := range ids {
		list = append(list, xmlGroup{id, "active"})
	}
	return list
}

type xmlEndpoint struct {
	Address string `xml:"Address"`
	Port    int    `xml:"Port"`
}

type xmlInstance struct {
	ID             string       `xml:"DBInstanceIdentifier"`
	Resource       string       `xml:"DbiResourceId"`
	ARN            string       `xml:"DBInstanceArn"`
	Status         string       `xml:"DBInstanceStatus"`
	Class          string       `xml:"DBInstanceClass"`
	Engine         string       `xml:"Engine"`
	Version        string       `xml:"EngineVersion"`
	Allocated      int          `xml:"AllocatedStorage"`
	Protected      bool         `xml:"DeletionProtection"`
	Public         bool         `xml:"PubliclyAccessible"`
	MultiAZ        bool         `xml:"MultiAZ"`
	Retention      int          `xml:"BackupRetentionPeriod"`
	Tier           int          `xml:"PromotionTier,omitempty"`
	Cluster        string       `xml:"DBClusterIdentifier,omitempty"`
	Endpoint       *xmlEndpoint `xml:"Endpoint,omitempty"`
	SubnetGroup    string       `xml:"DBSubnetGroup>DBSubnetGroupName"`
	SecurityGroups []xmlGroup   `xml:"VpcSecurityGroups>VpcSecurityGroupMembership"`
	ParameterGroup string       `xml:"DBParameterGroups>DBParameterGroup>DBParameterGroupName"`
	Tags           []xmlTag     `xml:"TagList>Tag"`
}

// instanceXML has no endpoint as long as the instance is being made, as with RDS.
func (s *Server) instanceXML(i *instance) xmlInstance {
	x := xmlInstance{
		ID: i.ID, Resource: i.Resource, ARN: s.arn("db", i.ID), Status: i.status, Class: i.Class, Engine: i.Engine, Version: i.Version,
		Allocated: i.AllocatedGiB, Protected: i.Protected, Public: i.Public, MultiAZ: i.MultiAZ, Retention: i.Retention, Tier: i.Tier,
		Cluster: i.Cluster, SubnetGroup: i.SubnetGroup, SecurityGroups: xmlGroups(i.SecurityGroups), ParameterGroup: i.ParameterGroup,
		Tags: xmlTags(i.Tags),
	}
	if i.status != "creating" {
		host, port := s.Backend.Endpoint(i.ID, i.Resource)
		x.Endpoint = &xmlEndpoint{host, port}
	}
	return x
}

type instanceList struct {
	Instances []xmlInstance `xml:"DBInstances>DBInstance"`
	Marker    string        `xml:"Marker,omitempty"`
}

type instanceAnswer struct {
	Instance xmlInstance `xml:"DBInstance"`
}

type xmlMember struct {
	ID     string `xml:"DBInstanceIdentifier"`
	Writer bool   `xml:"IsClusterWriter"`
}

type xmlCapacity struct {
	Min float64 `xml:"MinCapacity"`
	Max float64 `xml:"MaxCapacity"`
}

type xmlCluster struct {
	ID             string       `xml:"DBClusterIdentifier"`
	Resource       string       `xml:"DbClusterResourceId"`
	ARN            string       `xml:"DBClusterArn"`
	Status         string       `xml:"Status"`
	Engine         string       `xml:"Engine"`
	Version        string       `xml:"EngineVersion"`
	Allocated      int          `xml:"AllocatedStorage"`
	Protected      bool         `xml:"DeletionProtection"`
	Endpoint       string       `xml:"Endpoint"`
	Port           int          `xml:"Port"`
	SubnetGroup    string       `xml:"DBSubnetGroup"`
	ParameterGroup string       `xml:"DBClusterParameterGroup"`
	SecurityGroups []xmlGroup   `xml:"VpcSecurityGroups>VpcSecurityGroupMembership"`
	Members        []xmlMember  `xml:"DBClusterMembers>DBClusterMember"`
	Capacity       *xmlCapacity `xml:"ServerlessV2ScalingConfiguration,omitempty"`
	Tags           []xmlTag     `xml:"TagList>Tag"`
}

func (s *Server) clusterXML(k *cluster) xmlCluster {
	host, port := s.Backend.Endpoint(k.ID, k.Resource)
	x := xmlCluster{
		ID: k.ID, Resource: k.Resource, ARN: s.arn("cluster", k.ID), Status: k.status, Engine: k.Engine, Version: k.Version, Allocated: 1,
		Protected: k.Protected, Endpoint: host, Port: port, SubnetGroup: k.SubnetGroup, ParameterGroup: k.ParameterGroup,
		SecurityGroups: xmlGroups(k.SecurityGroups), Tags: xmlTags(k.Tags),
	}
	if k.MaxCapacity > 0 {
		x.Capacity = &xmlCapacity{k.MinCapacity, k.MaxCapacity}
	}
	for _, i := range sorted(s.instances) {
		if i.Cluster == k.ID {
			x.Members = append(x.Members, xmlMember{i.ID, len(x.Members) == 0})
		}
	}
	return x
}

type clusterList struct {
	Clusters []xmlCluster `xml:"DBClusters>DBCluster"`
	Marker   string       `xml:"Marker,omitempty"`
}

type clusterAnswer struct {
	Cluster xmlCluster `xml:"DBCluster"`
}

type xmlSnapshot struct {
	ID      string   `xml:"DBSnapshotIdentifier"`
	ARN     string   `xml:"DBSnapshotArn"`
	Of      string   `xml:"DBInstanceIdentifier"`
	Status  string   `xml:"Status"`
	Engine  string   `xml:"Engine"`
	Version string   `xml:"EngineVersion"`
	Tags    []xmlTag `xml:"TagList>Tag"`
}

func (s *Server) snapshotXML(n *snapshot) xmlSnapshot {
	return xmlSnapshot{n.id, n.arn, n.of.ID, n.status, n.of.Engine, n.of.Version, xmlTags(n.tags)}
}

type snapshotList struct {
	Snapshots []xmlSnapshot `xml:"DBSnapshots>DBSnapshot"`
	Marker    string        `xml:"Marker,omitempty"`
}

type snapshotAnswer struct {
	Snapshot xmlSnapshot `xml:"DBSnapshot"`
}

type xmlClusterSnapshot struct {
	ID      string   `xml:"DBClusterSnapshotIdentifier"`
	ARN     string   `xml:"DBClusterSnapshotArn"`
	Of      string   `xml:"DBClusterIdentifier"`
	Status  string   `xml:"Status"`
	Engine  string   `xml:"Engine"`
	Version string   `xml:"EngineVersion"`
	Tags    []xmlTag `xml:"TagList>Tag"`
}

func (s *Server) clusterSnapshotXML(n *snapshot) xmlClusterSnapshot {
	return xmlClusterSnapshot{n.id, n.arn, n.of.ID, n.status, n.of.Engine, n.of.Version, xmlTags(n.tags)}
}

type clusterSnapshotList struct {
	Snapshots []xmlClusterSnapshot `xml:"DBClusterSnapshots>DBClusterSnapshot"`
	Marker    string               `xml:"Marker,omitempty"`
}

type clusterSnapshotAnswer struct {
	Snapshot xmlClusterSnapshot `xml:"DBClusterSnapshot"`
}
