package ebs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/kube"
)

// Snapshot takes a snapshot of the volume of every claim, all at the same time, and
// waits until they are complete if that is asked for. If one fails, or ctx ends, all
// are removed again: half a backup would be taken for a whole one.
func (p *Phase) Snapshot(ctx context.Context, namespace string, claims []string, wait bool) (Manifest, error) {
	infos := make(Manifest, len(claims))
	err := each(ctx, true, claims, func(ctx context.Context, i int, claim string) error {
		info, err := p.snapshotClaim(ctx, namespace, claim, wait)
		if info != nil {
			infos[i] = *info
		}
		if err != nil {
			return fmt.Errorf("PersistentVolumeClaim %s/%s: %w", namespace, claim, err)
		}
		return nil
	})
	if err == nil {
		return infos, nil
	}
	begun := slices.DeleteFunc(infos, func(i Info) bool { return i.SnapshotID == "" })
	cleanup, cancel := toRemove(ctx)
	defer cancel()
	if left := p.undo(cleanup, begun); left != nil {
		err = errors.Join(err, fmt.Errorf("what was begun is left: %w", left))
	}
	return nil, err
}

// snapshotClaim returns what it has begun also when it fails.
func (p *Phase) snapshotClaim(ctx context.Context, namespace, claim string, wait bool) (*Info, error) {
	src, err := p.source(ctx, namespace, claim)
	if err != nil {
		return nil, err
	}
	c, err := p.in(ctx, src.region)
	if err != nil {
		return nil, err
	}
	volume, err := c.volume(ctx, src.id)
	if err != nil {
		return nil, err
	}
	snapshot, err := c.begin(ctx, src, volume)
	if err != nil {
		return nil, err
	}
	info := infoOf(src, c.Region(), volume, snapshot)
	p.Log.Info("snapshot begun", "pvc", claim, "volume", src.id, "snapshot", info.SnapshotID, "region", c.Region())
	if wait {
		_, err = c.completed(ctx, info.SnapshotID)
	}
	return info, err
}

func infoOf(src *source, region string, v types.Volume, snapshot string) *Info {
	info := &Info{
		SnapshotID: snapshot, Type: TypeEBS, Region: region, PVCName: src.claim.Name,
		Az: aws.ToString(v.AvailabilityZone), Tags: listTags(ownTags(v.Tags)), VolumeType: string(v.VolumeType),
		Throughput: aws.ToInt32(v.Throughput), MultiAttach: aws.ToBool(v.MultiAttachEnabled), Claim: claimOf(src.claim, src.volume),
	}
	if takesIOPS(v.VolumeType) {
		info.Iops = aws.ToInt32(v.Iops)
	}
	return info
}

// takesIOPS tells whether IOPS are chosen for volumes of a type, and not given by
// their size.
func takesIOPS(t types.VolumeType) bool {
	return t == types.VolumeTypeIo1 || t == types.VolumeTypeIo2 || t == types.VolumeTypeGp3
}

// volume reads a volume that is there for use.
func (c *client) volume(ctx context.Context, id string) (types.Volume, error) {
	out, err := c.api.describeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	if err != nil {
		return types.Volume{}, c.Explain(err, "look at volume %s", id)
	}
	if len(out.Volumes) != 1 {
		return types.Volume{}, fmt.Errorf("volume %s: AWS shows %d volumes of that ID in %s", id, len(out.Volumes), c.Region())
	}
	v := out.Volumes[0]
	if v.State != types.VolumeStateInUse && v.State != types.VolumeStateAvailable {
		return v, fmt.Errorf("volume %s is %s: a snapshot can be taken of one that is in-use or available", id, v.State)
	}
	return v, nil
}

// onceTries is how often a request is sent in all that AWS would carry out twice.
const onceTries = 3

// begin starts a snapshot, unless an earlier attempt of the phase has. CreateSnapshot
// has no token that would make it happen once: so what might have been carried out,
// though no answer came, is looked for before it is asked for again.
func (c *client) begin(ctx context.Context, src *source, v types.Volume) (id string, err error) {
	in := c.snapshotInput(src, v)
	for range onceTries {
		if id, err = c.begun(ctx, src.id); id != "" || err != nil {
			return id, err
		}
		if id, err = c.createSnapshot(ctx, in); err == nil {
			return id, nil
		}
		if ctx.Err() != nil || !maybeDone(err) || len(c.phase.Origin) == 0 {
			break
		}
		c.phase.Log.Warn("AWS has not answered whether it takes a snapshot", "volume", src.id, "error", err)
		pause, _ := c.Options.Polling() // what was begun shows in lists a little later
		if err := kube.Sleep(ctx, pause); err != nil {
			break
		}
	}
	return "", c.Explain(err, "take a snapshot of volume %s", src.id)
}

func (c *client) createSnapshot(ctx context.Context, in *ec2.CreateSnapshotInput) (string, error) {
	out, err := create(ctx, onlyRefused, func(ctx context.Context, opt func(*ec2.Options)) (*ec2.CreateSnapshotOutput, error) {
		return c.api.createSnapshot(ctx, in, opt)
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SnapshotId), nil
}

func (c *client) snapshotInput(src *source, v types.Volume) *ec2.CreateSnapshotInput {
	claim := src.claim.Namespace + "/" + src.claim.Name
	description := "Taken by Rescue of PersistentVolumeClaim " + claim
	identity := map[string]string{
		tagClaimName: src.claim.Name, tagClaimNamespace: src.claim.Namespace, tagVolumeName: src.volume.Name,
	}
	return &ec2.CreateSnapshotInput{
		VolumeId:          &src.id,
		Description:       aws.String(description[:min(len(description), 255)]),
		TagSpecifications: c.phase.newTags(types.ResourceTypeSnapshot, ownTags(v.Tags), identity),
	}
}

// maybeDone tells whether a request may have been carried out though it failed.
func maybeDone(err error) bool {
	code := awsaccess.Code(err)
	return code == "" || code == "InternalError" || code == "InternalFailure" || code == "ServiceUnavailable" || code == "Unavailable"
}

// begun finds the snapshot of the volume that an earlier attempt has begun, "" for
// none. One that failed is removed.
func (c *client) begun(ctx context.Context, volume string) (string, error) {
	filters := c.phase.originFilters()
	if len(filters) == 0 {
		return "", nil
	}
	pages := ec2.NewDescribeSnapshotsPaginator(c.api.describeSnapshots, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: append(filters, filter("volume-id", volume)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", c.Explain(err, "look for snapshots of volume %s that this phase has begun before", volume)
		}
		for _, s := range page.Snapshots {
			id := aws.ToString(s.SnapshotId)
			if s.State != types.SnapshotStateError {
				c.phase.Log.Info("an earlier attempt has begun the snapshot", "volume", volume, "snapshot", id)
				return id, nil
			}
			if err := c.remove(ctx, id); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

// Wait waits until all snapshots are complete.
func (p *Phase) Wait(ctx context.Context, m Manifest) error {
	return each(ctx, true, m, func(ctx context.Context, _ int, info Info) error {
		c, err := p.in(ctx, info.region())
		if err == nil {
			_, err = c.completed(ctx, info.SnapshotID)
		}
		if err != nil {
			return fmt.Errorf("PersistentVolumeClaim %s: %w", info.PVCName, err)
		}
		return nil
	})
}

// Delete deletes all snapshots. One that is not there is fine. A failure does not keep
// the others.
func (p *Phase) Delete(ctx context.Context, m Manifest) error {
	return each(ctx, false, m, func(ctx context.Context, _ int, info Info) error {
		c, err := p.in(ctx, info.region())
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", info.SnapshotID, err)
		}
		return c.remove(ctx, info.SnapshotID)
	})
}

// undo deletes snapshots that were begun a moment ago.
func (p *Phase) undo(ctx context.Context, m Manifest) error {
	return each(ctx, false, m, func(ctx context.Context, _ int, info Info) error {
		c, err := p.in(ctx, info.region())
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", info.SnapshotID, err)
		}
		return c.undo(ctx, func() error { return c.deleteSnapshot(ctx, info.SnapshotID) })
	})
}

// remove deletes a snapshot. One that is not there is fine.
func (c *client) remove(ctx context.Context, snapshot string) error {
	err := c.deleteSnapshot(ctx, snapshot)
	if awsaccess.NotFound(err) {
		c.phase.Log.Info("snapshot is not there any more", "snapshot", snapshot)
		return nil
	}
	return err
}

func (c *client) deleteSnapshot(ctx context.Context, id string) error {
	_, err := c.api.deleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &id})
	return c.Explain(err, "delete snapshot %s", id)
}
