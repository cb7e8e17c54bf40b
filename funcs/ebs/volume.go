package ebs

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// leastIOPS is what AWS wants at least of the types that need to be told.
const leastIOPS = 100

// make makes a volume of a complete snapshot and waits until it is available. The
// volume of an earlier attempt is used. It has the snapshot's size and encryption. The
// ID is returned also when the wait fails.
func (c *client) make(ctx context.Context, r *restoring, snapshot types.Snapshot) (types.Volume, error) {
	id, err := c.madeBefore(ctx, r)
	if err != nil {
		return types.Volume{}, err
	}
	if id != "" {
		// Where the claim is gone, it was that attempt that has removed it.
		r.volumeID, r.committed = id, r.old == nil
		return c.available(ctx, id)
	}
	in, err := c.volumeInput(ctx, r, snapshot)
	if err != nil {
		return types.Volume{}, err
	}
	// A token stands for the volume that was made with it also after that is deleted.
	for attempt := 1; ; attempt++ {
		in.ClientToken = aws.String(c.phase.Token("volume", r.namespace, r.name, r.info.SnapshotID, strconv.Itoa(attempt)))
		out, err := create(ctx, anyReason, func(ctx context.Context, opt func(*ec2.Options)) (*ec2.CreateVolumeOutput, error) {
			return c.api.createVolume(ctx, in, opt)
		})
		if err != nil {
			return types.Volume{}, c.Explain(err, "make a volume of snapshot %s in %s", r.info.SnapshotID, *in.AvailabilityZone)
		}
		r.volumeID = aws.ToString(out.VolumeId)
		volume, err := c.available(ctx, r.volumeID)
		if !errors.Is(err, errGone) || attempt == onceTries {
			return volume, err
		}
	}
}

// madeBefore finds the volume that an earlier attempt has made, "" for none.
func (c *client) madeBefore(ctx context.Context, r *restoring) (string, error) {
	filters := c.phase.originFilters()
	if len(filters) == 0 {
		return "", nil
	}
	filters = append(filters, filter("tag:"+tagClaimNamespace, r.namespace), filter("tag:"+tagClaimName, r.name),
		filter("snapshot-id", r.info.SnapshotID), filter("status", "creating", "available", "in-use"))
	pages := ec2.NewDescribeVolumesPaginator(c.api.describeVolumes, &ec2.DescribeVolumesInput{Filters: filters})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", c.Explain(err, "look for volumes that this phase has made before")
		}
		for _, v := range page.Volumes {
			c.phase.Log.Info("an earlier attempt has made the volume", "volume", aws.ToString(v.VolumeId))
			return aws.ToString(v.VolumeId), nil
		}
	}
	return "", nil
}

func (c *client) volumeInput(ctx context.Context, r *restoring, snapshot types.Snapshot) (*ec2.CreateVolumeInput, error) {
	zone, err := c.zoneFor(ctx, r.info.Az)
	if err != nil {
		return nil, err
	}
	identity := map[string]string{tagClaimName: r.name, tagClaimNamespace: r.namespace, tagVolumeName: r.volumeName}
	in := &ec2.CreateVolumeInput{
		AvailabilityZone: &zone, SnapshotId: &r.info.SnapshotID, VolumeType: types.VolumeType(r.info.VolumeType),
		TagSpecifications: c.phase.newTags(types.ResourceTypeVolume, r.info.tags(), identity),
	}
	if aws.ToBool(snapshot.Encrypted) {
		in.Encrypted = aws.Bool(true) // with the snapshot's key, as long as none is named
	}
	if r.info.MultiAttach {
		in.MultiAttachEnabled = aws.Bool(true)
	}
	iops, throughput := c.speed(ctx, r.info, snapshot)
	if iops > 0 && takesIOPS(in.VolumeType) {
		in.Iops = &iops
	}
	if throughput > 0 && in.VolumeType == types.VolumeTypeGp3 {
		in.Throughput = &throughput
	}
	return in, nil
}

// speed is what the volume was given. Kanister's manifests do not say: then the volume
// that the snapshot was taken of is asked, if it is still there.
func (c *client) speed(ctx context.Context, info Info, snapshot types.Snapshot) (iops, throughput int32) {
	t := types.VolumeType(info.VolumeType)
	if info.Iops > 0 || !takesIOPS(t) {
		return info.Iops, info.Throughput
	}
	id := aws.ToString(snapshot.VolumeId)
	out, err := c.api.describeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	if err == nil && len(out.Volumes) == 1 && out.Volumes[0].VolumeType == t {
		return aws.ToInt32(out.Volumes[0].Iops), aws.ToInt32(out.Volumes[0].Throughput)
	}
	if t == types.VolumeTypeGp3 { // which AWS gives 3000 where nothing is said
		return 0, 0
	}
	c.phase.Log.Warn("nobody knows any more how many IOPS the volume had: it gets the least; raise them with ModifyVolume",
		"volume", id, "IOPS", leastIOPS)
	return leastIOPS, 0
}

// discard deletes a volume that came to nothing.
func (c *client) discard(ctx context.Context, id string) error {
	return c.undo(ctx, func() error {
		_, err := c.api.deleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &id})
		return c.Explain(err, "delete volume %s, which came to nothing", id)
	})
}
