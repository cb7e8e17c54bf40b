package ebs

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Tags that the CSI driver of EBS puts on its volumes. AWS's managed policy for the
// driver lets it attach and delete only what has one of them.
const (
	tagClaimName      = "kubernetes.io/created-for/pvc/name"
	tagClaimNamespace = "kubernetes.io/created-for/pvc/namespace"
	tagVolumeName     = "kubernetes.io/created-for/pv/name"
	// tagDriverVolume is by which the driver finds a volume again that it is asked
	// for twice. A copy must not have it.
	tagDriverVolume = "CSIVolumeName"
)

// ownPrefix is that of the tags and annotations of Rescue's phases.
const ownPrefix = "rescue.dev/"

// mostTags is how many tags a resource may have.
const mostTags = 50

// ownTags are the tags that are neither AWS's own, which nobody may set, nor of an
// earlier phase.
func ownTags(tags []types.Tag) map[string]string {
	own := map[string]string{}
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if !strings.HasPrefix(key, "aws:") && !strings.HasPrefix(key, ownPrefix) && key != tagDriverVolume {
			own[key] = aws.ToString(t.Value)
		}
	}
	return own
}

// listTags makes a manifest's list, in the order of the keys.
func listTags(tags map[string]string) []Tag {
	list := []Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, Tag{Key: key, Value: tags[key]})
	}
	return list
}

// newTags are the tags of a resource that is made for a claim: what identifies it, and
// then as many as there is room for of those that are copied.
func (p *Phase) newTags(resource types.ResourceType, copied, identity map[string]string) []types.TagSpecification {
	tags := maps.Clone(p.Origin)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, identity)
	for _, key := range slices.Sorted(maps.Keys(copied)) {
		if _, set := tags[key]; set {
			continue
		}
		if len(tags) == mostTags {
			p.Log.Warn("a tag is not copied: AWS takes no more than 50", "tag", key)
			continue
		}
		tags[key] = copied[key]
	}
	spec := types.TagSpecification{ResourceType: resource}
	for _, t := range listTags(tags) {
		spec.Tags = append(spec.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return []types.TagSpecification{spec}
}

// originFilters find what an earlier attempt of the phase has made; none if there is
// no way to know.
func (p *Phase) originFilters() []types.Filter {
	var filters []types.Filter
	for _, key := range slices.Sorted(maps.Keys(p.Origin)) {
		filters = append(filters, filter("tag:"+key, p.Origin[key]))
	}
	return filters
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}
