// Package ebstest stands in for the part of EC2 that has to do with EBS: volumes and
// their snapshots, with states that change while one looks. The SDK's own client talks
// to it. Where AWS does not document what it does, it does what docs/aws.md says that
// we guess.
package ebstest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

// EC2 is a server of its own, with two regions of three zones each.
type EC2 struct {
	*awstest.Server

	mu        sync.Mutex
	behaviour Behaviour
	volumes   map[string]*Volume
	snapshots map[string]*Snapshot
	tokens    map[string]creation
}

// Behaviour says how the service behaves. The zero value is at its best.
type Behaviour struct {
	// Steps is how many looks a snapshot or a volume takes until it is done.
	Steps int
	// Blind is how many looks do not find what was just made.
	Blind int
	// PageSize is how much a list shows at a time. 0: all.
	PageSize int32
	// MostSnapshots and MostVolumes are the account's quotas. 0: none.
	MostSnapshots, MostVolumes int
	// FailSnapshots makes snapshots end in an error with this text.
	FailSnapshots string
	// FailVolumes makes new volumes end in the state error.
	FailVolumes bool
	// ClosedZones take no volumes.
	ClosedZones []string
}

// Volume is an EBS volume.
type Volume struct {
	ID, Region, Zone, Type, SnapshotID string
	Size, IOPS, Throughput             int32
	Encrypted, MultiAttach             bool
	KMSKey                             string
	State                              string
	Tags                               map[string]string

	left, blind int
}

// Snapshot is a snapshot of a volume.
type Snapshot struct {
	ID, Region, VolumeID string
	Size                 int32
	Encrypted            bool
	KMSKey               string
	// State is pending, completed, error, recoverable or recovering.
	State, Message, Description string
	// Image says that a machine image uses it.
	Image bool
	Tags  map[string]string

	started     time.Time
	left, blind int
}

// New starts a server.
func New(t testing.TB) *EC2 {
	t.Helper()
	e := &EC2{Server: awstest.New(t), volumes: map[string]*Volume{}, snapshots: map[string]*Snapshot{}, tokens: map[string]creation{}}
	e.Serve(&awstest.Service{Name: "ec2", Version: "2016-11-15", EC2: true, Actions: map[string]awstest.Action{
		"CreateSnapshot":            e.locked(e.createSnapshot),
		"CreateVolume":              e.locked(e.createVolume),
		"DeleteSnapshot":            e.locked(e.deleteSnapshot),
		"DeleteVolume":              e.locked(e.deleteVolume),
		"DescribeAvailabilityZones": e.locked(e.describeZones),
		"DescribeSnapshots":         e.locked(e.describeSnapshots),
		"DescribeVolumes":           e.locked(e.describeVolumes),
	}})
	return e
}

func (e *EC2) locked(do awstest.Action) awstest.Action {
	return func(c *awstest.Call) (any, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		return do(c)
	}
}

// Behave changes how the service behaves from now on.
func (e *EC2) Behave(b Behaviour) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behaviour = b
}

// AddVolume puts a volume there, with an ID if it has none. The zone says the region.
func (e *EC2) AddVolume(v Volume) Volume {
	if v.ID == "" {
		v.ID = e.newID("vol")
	}
	v.Region = regionOf(v.Zone)
	if v.State == "" {
		v.State = "in-use"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.volumes[v.ID] = &v
	return v
}

// AddSnapshot puts a snapshot there, with an ID if it has none.
func (e *EC2) AddSnapshot(s Snapshot) Snapshot {
	if s.ID == "" {
		s.ID = e.newID("snap")
	}
	if s.State == "" {
		s.State = "completed"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.snapshots[s.ID] = &s
	return s
}

// ChangeSnapshot changes one that is there.
func (e *EC2) ChangeSnapshot(id string, change func(*Snapshot)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e.snapshots[id])
}

// Volumes are the volumes that are there, by ID.
func (e *EC2) Volumes() map[string]Volume { return copies(e, e.volumes) }

// Snapshots are the snapshots that are there, by ID.
func (e *EC2) Snapshots() map[string]Snapshot { return copies(e, e.snapshots) }

func copies[T any](e *EC2, of map[string]*T) map[string]T {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string]T{}
	for id, one := range of {
		out[id] = *one
	}
	return out
}

func (e *EC2) newID(kind string) string { return fmt.Sprintf("%s-0%016x", kind, e.Serial()) }

// zones are those of a region.
func zones(region string) []string { return []string{region + "a", region + "b", region + "c"} }

func regionOf(zone string) string { return strings.TrimRight(zone, "abc") }

// refuse is an error of EC2, in its own words.
func refuse(code, format string, args ...any) error {
	return &awstest.Error{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}

// newTags reads the tags that a new resource is to have. To set them takes a
// permission of its own.
func newTags(c *awstest.Call, resource string) (map[string]string, error) {
	tags := map[string]string{}
	for _, spec := range c.Forms("TagSpecification") {
		if spec.Get("ResourceType") != resource {
			return nil, refuse("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.Get("ResourceType"))
		}
		maps.Copy(tags, spec.Tags("Tag"))
	}
	for key := range tags {
		if strings.HasPrefix(key, "aws:") {
			return nil, refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		}
	}
	switch {
	case len(tags) > 50:
		return nil, refuse("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	case len(tags) > 0 && c.Key.Denies("ec2", "CreateTags"):
		return nil, &awstest.Error{Code: "UnauthorizedOperation", Message: "You are not authorized to perform: ec2:CreateTags", Status: http.StatusForbidden}
	}
	return tags, nil
}

// matches applies the filters of a list.
func matches(c *awstest.Call, fields, tags map[string]string) (bool, error) {
	for _, f := range c.Forms("Filter") {
		name := f.Get("Name")
		value, known := fields[name]
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			value, known = tags[key], true
		}
		if !known {
			return false, refuse("InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		if !slices.Contains(f.List("Value"), value) {
			return false, nil
		}
	}
	return true, nil
}

type describeZonesReply struct {
	Zones []zoneItem `xml:"availabilityZoneInfo>item"`
}

type zoneItem struct {
	Name   string `xml:"zoneName"`
	State  string `xml:"zoneState"`
	Region string `xml:"regionName"`
}

func (e *EC2) describeZones(c *awstest.Call) (any, error) {
	var reply describeZonesReply
	for _, name := range zones(c.Region) {
		item := zoneItem{Name: name, State: "available", Region: c.Region}
		if slices.Contains(e.behaviour.ClosedZones, name) {
			item.State = "unavailable"
		}
		ok, err := matches(c, map[string]string{"state": item.State}, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			reply.Zones = append(reply.Zones, item)
		}
	}
	return reply, nil
}
