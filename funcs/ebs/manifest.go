package ebs

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"
)

// TypeEBS is the only type of volume that this package knows.
const TypeEBS = "EBS"

// A Manifest says which snapshots there are, as CreateVolumeSnapshot returns it. Its
// JSON is the list that Kanister writes and reads.
type Manifest []Info

// Info is a snapshot of the volume of one claim.
type Info struct {
	SnapshotID string
	// Type is TypeEBS.
	Type string
	// Region and Az are where the volume was.
	Region  string
	PVCName string
	Az      string
	// Tags of the volume, but for AWS's own. Kanister refuses a manifest without the
	// list, so it is never null.
	Tags []Tag
	// VolumeType is EBS's: gp2, gp3, io1, io2, st1, sc1, standard.
	VolumeType string

	// What follows is not in Kanister's manifests, and Kanister does not look at it.

	// Iops and Throughput (MiB/s) that the volume was given; 0 where it has what its
	// type and size bring along.
	Iops       int32 `json:",omitempty"`
	Throughput int32 `json:",omitempty"`
	// MultiAttach says that several instances may attach the volume.
	MultiAttach bool `json:",omitempty"`
	// Claim is how the claim and its volume stood in Kubernetes.
	Claim *Claim `json:",omitempty"`
}

// Tag is a tag of AWS.
type Tag struct{ Key, Value string }

// Claim is what a PersistentVolumeClaim and its PersistentVolume need to be made again
// as they were.
type Claim struct {
	Labels        map[string]string                    `json:",omitempty"`
	Annotations   map[string]string                    `json:",omitempty"`
	StorageClass  string                               `json:",omitempty"`
	AccessModes   []corev1.PersistentVolumeAccessMode  `json:",omitempty"`
	VolumeMode    corev1.PersistentVolumeMode          `json:",omitempty"`
	ReclaimPolicy corev1.PersistentVolumeReclaimPolicy `json:",omitempty"`
	MountOptions  []string                             `json:",omitempty"`
	// Driver of the volume: a CSI driver's name, or InTree.
	Driver string `json:",omitempty"`
	FSType string `json:",omitempty"`
	// Partition of an in-tree volume, 0 for the whole.
	Partition int32 `json:",omitempty"`
	// ZoneKey is the label of nodes by which the volume names its zone.
	ZoneKey string `json:",omitempty"`
}

var snapshotID = regexp.MustCompile(`^snap-[0-9A-Za-z]+$`)

// ParseManifest reads volumeSnapshotInfo, Rescue's or Kanister's.
func ParseManifest(text string) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("argument snapshots is not what CreateVolumeSnapshot returns as volumeSnapshotInfo, a list in JSON: %w", err)
	}
	var errs []error
	claims := map[string]bool{}
	for i, info := range m {
		if err := info.check(); err != nil {
			errs = append(errs, fmt.Errorf("argument snapshots: number %d: %w", i+1, err))
		}
		if claims[info.PVCName] {
			errs = append(errs, fmt.Errorf("argument snapshots: number %d: there is another snapshot of PersistentVolumeClaim %s before it", i+1, info.PVCName))
		}
		claims[info.PVCName] = true
	}
	return m, errors.Join(errs...)
}

func (i Info) check() error {
	switch {
	case i.Type != TypeEBS:
		return fmt.Errorf("snapshot %q is of type %q: this version of rescue works with Amazon EBS alone, whose type is %s", i.SnapshotID, i.Type, TypeEBS)
	case !snapshotID.MatchString(i.SnapshotID):
		return fmt.Errorf("SnapshotID is %q, expected one such as snap-0123456789abcdef0", i.SnapshotID)
	case i.PVCName == "":
		return fmt.Errorf("snapshot %s has no PVCName", i.SnapshotID)
	case i.Region == "" && regionOf(i.Az) == "":
		return fmt.Errorf("snapshot %s has no Region", i.SnapshotID)
	}
	return nil
}

// region of the snapshot.
func (i Info) region() string {
	if i.Region != "" {
		return i.Region
	}
	return regionOf(i.Az)
}

// JSON is the manifest as ParseManifest reads it.
func (m Manifest) JSON() (string, error) {
	if m == nil {
		m = Manifest{}
	}
	src, err := json.Marshal(m)
	return string(src), err
}

// tags are those of the volume, by key.
func (i Info) tags() map[string]string {
	tags := make(map[string]string, len(i.Tags))
	for _, t := range i.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}
