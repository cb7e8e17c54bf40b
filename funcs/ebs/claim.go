package ebs

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations by which Kubernetes keeps its own books about a claim; a new claim
// starts without them.
var bookkeeping = []string{
	"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner",
	"volume.kubernetes.io/storage-resizer", corev1.LastAppliedConfigAnnotation,
}

// The annotation that names a volume's maker, who deletes what it made.
const provisionedBy = "pv.kubernetes.io/provisioned-by"

// claimOf describes a claim and its EBS volume.
func claimOf(pvc *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume) *Claim {
	c := &Claim{
		Labels: maps.Clone(pvc.Labels), Annotations: maps.Clone(pvc.Annotations),
		StorageClass: aws.ToString(pvc.Spec.StorageClassName), AccessModes: pvc.Spec.AccessModes,
		ReclaimPolicy: pv.Spec.PersistentVolumeReclaimPolicy, MountOptions: pv.Spec.MountOptions,
	}
	maps.DeleteFunc(c.Annotations, func(key, _ string) bool {
		return slices.Contains(bookkeeping, key) || strings.HasPrefix(key, ownPrefix)
	})
	if pvc.Spec.VolumeMode != nil {
		c.VolumeMode = *pvc.Spec.VolumeMode
	}
	c.ZoneKey, _ = zoneAffinity(pv)
	switch s := pv.Spec.PersistentVolumeSource; {
	case s.CSI != nil:
		c.Driver, c.FSType = s.CSI.Driver, s.CSI.FSType
	case s.AWSElasticBlockStore != nil:
		c.Driver, c.FSType, c.Partition = InTree, s.AWSElasticBlockStore.FSType, s.AWSElasticBlockStore.Partition
	}
	return c
}

// orDefaults fills in what is not known. Volumes of the old kind are driven by the CSI
// driver since Kubernetes 1.23, so that is what a new one is made for.
func (c *Claim) orDefaults() *Claim {
	full := Claim{}
	if c != nil {
		full = *c
	}
	if len(full.AccessModes) == 0 {
		full.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	full.VolumeMode = cmp.Or(full.VolumeMode, corev1.PersistentVolumeFilesystem)
	full.ReclaimPolicy = cmp.Or(full.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
	full.Driver = cmp.Or(full.Driver, Driver)
	full.ZoneKey = cmp.Or(full.ZoneKey, corev1.LabelTopologyZone)
	return &full
}

// volumeObject stands for a volume in Kubernetes. It is reserved for its claim, which
// need not be there yet: until then no controller touches it.
func (r *restoring) volumeObject(v types.Volume) *corev1.PersistentVolume {
	c, zone := r.claim, aws.ToString(v.AvailabilityZone)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        r.volumeName,
			Labels:      map[string]string{corev1.LabelTopologyZone: zone, corev1.LabelTopologyRegion: r.client.Region()},
			Annotations: r.marks(map[string]string{provisionedBy: c.Driver}),
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: gib(v.Size)},
			AccessModes:                   c.AccessModes,
			PersistentVolumeReclaimPolicy: c.ReclaimPolicy,
			StorageClassName:              c.StorageClass,
			MountOptions:                  c.MountOptions,
			VolumeMode:                    &c.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: r.namespace, Name: r.name,
			},
			PersistentVolumeSource: c.source(aws.ToString(v.VolumeId), zone),
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: c.ZoneKey, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
			}}}},
		},
	}
}

func (c *Claim) source(id, zone string) corev1.PersistentVolumeSource {
	if c.Driver == InTree {
		return corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{
			VolumeID: "aws://" + zone + "/" + id, FSType: c.FSType, Partition: c.Partition,
		}}
	}
	return corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: c.Driver, VolumeHandle: id, FSType: c.FSType}}
}

// claimObject is the claim that the volume is reserved for. Its class is written also
// where it is empty: the cluster's default class would make another volume.
func (r *restoring) claimObject(size *int32) *corev1.PersistentVolumeClaim {
	c := r.claim
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.namespace, Name: r.name, Labels: maps.Clone(c.Labels), Annotations: r.marks(c.Annotations),
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      c.AccessModes,
			StorageClassName: &c.StorageClass,
			VolumeMode:       &c.VolumeMode,
			VolumeName:       r.volumeName,
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: gib(size)}},
		},
	}
}

// marks are annotations with the phase's origin among them.
func (r *restoring) marks(annotations map[string]string) map[string]string {
	all := maps.Clone(annotations)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, r.phase.Origin)
	return all
}

func gib(size *int32) resource.Quantity {
	return *resource.NewQuantity(int64(aws.ToInt32(size))<<30, resource.BinarySI)
}
