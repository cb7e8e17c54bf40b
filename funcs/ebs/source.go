package ebs

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Driver is the CSI driver of EBS.
	Driver = "ebs.csi.aws.com"
	// driverAuto is that of EKS's Auto Mode.
	driverAuto = "ebs.csi.eks.amazonaws.com"
	// InTree stands for volumes of the kind awsElasticBlockStore. It is the name of
	// the provisioner that made them.
	InTree = "kubernetes.io/aws-ebs"
)

// source is a claim, with the volume that is to be copied.
type source struct {
	claim  *corev1.PersistentVolumeClaim
	volume *corev1.PersistentVolume
	id     string // of the EBS volume
	region string // "" if nothing names it
}

// source reads a claim and finds its EBS volume. The errors leave it to the caller to
// name the claim.
func (p *Phase) source(ctx context.Context, namespace, name string) (*source, error) {
	claim, err := p.Kube.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if claim.Spec.VolumeName == "" || claim.Status.Phase != corev1.ClaimBound {
		return nil, errors.New("it is not bound and has no volume to take a snapshot of: see `kubectl describe pvc` for what it waits for")
	}
	volume, err := p.Kube.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("its volume: %w", err)
	}
	s := &source{claim: claim, volume: volume}
	if s.id, err = volumeID(volume); err != nil {
		return nil, err
	}
	s.region = volume.Labels[corev1.LabelTopologyRegion]
	if s.region == "" {
		s.region = regionOf(volumeZone(volume))
	}
	return s, nil
}

var volumeIDForm = regexp.MustCompile(`^vol-[0-9A-Za-z]+$`)

// volumeID is the ID of the EBS volume that a PersistentVolume stands for. In-tree
// volumes write it as aws://ZONE/ID too.
func volumeID(pv *corev1.PersistentVolume) (string, error) {
	var id string
	switch {
	case pv.Spec.AWSElasticBlockStore != nil:
		id = path.Base(pv.Spec.AWSElasticBlockStore.VolumeID)
	case isEBSDriver(pv):
		id = pv.Spec.CSI.VolumeHandle
	default:
		return "", fmt.Errorf("its volume %s is not an Amazon EBS volume but one of %s: this function knows EBS alone; CreateCSISnapshot takes snapshots of all CSI volumes",
			pv.Name, kindOf(pv))
	}
	if !volumeIDForm.MatchString(id) {
		return "", fmt.Errorf("its volume %s has the EBS volume ID %q, expected one such as vol-0123456789abcdef0", pv.Name, id)
	}
	return id, nil
}

func isEBSDriver(pv *corev1.PersistentVolume) bool {
	return pv.Spec.CSI != nil && slices.Contains([]string{Driver, driverAuto}, pv.Spec.CSI.Driver)
}

// kindOf names the kind of a volume for an error.
func kindOf(pv *corev1.PersistentVolume) string {
	switch s := pv.Spec.PersistentVolumeSource; {
	case s.CSI != nil:
		return "the CSI driver " + s.CSI.Driver
	case s.GCEPersistentDisk != nil:
		return "Google's persistent disks (gcePersistentDisk)"
	case s.AzureDisk != nil:
		return "Azure's disks (azureDisk)"
	case s.HostPath != nil:
		return "a directory of a node (hostPath)"
	case s.Local != nil:
		return "a disk of a node (local)"
	case s.NFS != nil:
		return "NFS"
	}
	return "another kind"
}

// volumeZone is the zone that a volume names, "" if it names none.
func volumeZone(pv *corev1.PersistentVolume) string {
	if z := zoneOf(pv.Labels); z != "" {
		return z
	}
	if _, zones := zoneAffinity(pv); len(zones) > 0 {
		return zones[0]
	}
	if ebs := pv.Spec.AWSElasticBlockStore; ebs != nil {
		if rest, ok := strings.CutPrefix(ebs.VolumeID, "aws://"); ok {
			zone, _, _ := strings.Cut(rest, "/")
			return zone
		}
	}
	return ""
}

// zoneAffinity is the label of nodes by which a volume names its zone, and its zones.
func zoneAffinity(pv *corev1.PersistentVolume) (key string, zones []string) {
	if pv.Spec.NodeAffinity == nil || pv.Spec.NodeAffinity.Required == nil {
		return "", nil
	}
	for _, term := range pv.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, e := range term.MatchExpressions {
			if slices.Contains(zoneLabels, e.Key) && e.Operator == corev1.NodeSelectorOpIn {
				return e.Key, e.Values
			}
		}
	}
	return "", nil
}
