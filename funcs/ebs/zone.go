package ebs

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

var regionPart = regexp.MustCompile(`^[a-z]+(?:-[a-z]+)+-\d+`)

// regionOf is the region of an availability zone, of a local zone (us-west-2-lax-1a)
// and of a Wavelength zone alike; "" for what is none of them.
func regionOf(zone string) string { return regionPart.FindString(zone) }

// Labels by which nodes and volumes name their zone.
const (
	zoneLabelCSI = "topology.ebs.csi.aws.com/zone"
	// The name of the zone's label before Kubernetes 1.17, on old volumes.
	zoneLabelBeta = "failure-domain.beta.kubernetes.io/zone"
)

var zoneLabels = []string{corev1.LabelTopologyZone, zoneLabelCSI, zoneLabelBeta}

func zoneOf(labels map[string]string) string {
	for _, key := range zoneLabels {
		if z := labels[key]; z != "" {
			return z
		}
	}
	return ""
}

// zoneFor says in which zone of the region to make a volume again that was in another
// or the same: where it was, if the cluster has nodes there. Otherwise it is a zone
// with nodes, the same one for all volumes of one zone, so that what could be mounted
// together before still can be.
func (c *client) zoneFor(ctx context.Context, was string) (string, error) {
	open, err := c.openZones(ctx)
	if err != nil {
		return "", err
	}
	nodes, err := c.phase.nodeZones(ctx)
	if err != nil {
		return "", err
	}
	if len(nodes) == 0 { // nodes that do not say where they are
		if was != "" && (open == nil || slices.Contains(open, was)) {
			return was, nil
		}
		return "", fmt.Errorf("the volume was in the zone %q, which is not available in %s (it has %s), and the cluster's nodes have no label %s that names another",
			was, c.Region(), strings.Join(open, ", "), corev1.LabelTopologyZone)
	}
	here := slices.DeleteFunc(slices.Clone(nodes), func(z string) bool {
		return regionOf(z) != c.Region() || open != nil && !slices.Contains(open, z)
	})
	switch {
	case len(here) == 0:
		return "", fmt.Errorf("no node of the cluster could mount a volume of %s: the nodes are in %s; copy the snapshot to their region, and name the copy",
			c.Region(), strings.Join(nodes, ", "))
	case slices.Contains(here, was):
		return was, nil
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(was)) // never fails
	zone := here[h.Sum32()%uint32(len(here))]
	c.phase.Log.Info("no node is in the zone that the volume was in", "zone", was, "used instead", zone)
	return zone, nil
}

// openZones lists the region's zones that take volumes, in order; nil if that may not
// be read: AWS itself refuses a zone that is not there.
func (c *client) openZones(ctx context.Context) ([]string, error) {
	out, err := c.api.describeZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{filter("state", string(types.AvailabilityZoneStateAvailable))},
	})
	if code := awsaccess.Code(err); code == "UnauthorizedOperation" || code == "AccessDenied" {
		c.phase.Log.Debug("the region's zones may not be listed", "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, c.Explain(err, "list the zones of the region")
	}
	zones := []string{}
	for _, z := range out.AvailabilityZones {
		zones = append(zones, aws.ToString(z.ZoneName))
	}
	slices.Sort(zones)
	return zones, nil
}

// nodeZones lists the zones that the cluster's nodes are in, in order.
func (p *Phase) nodeZones(ctx context.Context) ([]string, error) {
	nodes, err := p.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		p.Log.Debug("the zones of the cluster's nodes are not known", "error", err)
		return nil, nil
	}
	zones := map[string]bool{}
	for _, node := range nodes.Items {
		if z := zoneOf(node.Labels); z != "" && !node.Spec.Unschedulable {
			zones[z] = true
		}
	}
	return slices.Sorted(maps.Keys(zones)), nil
}
