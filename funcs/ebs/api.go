package ebs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// api is the part of EC2's client that is used, as functions. The client itself must
// not come near an interface, nor into a struct that does: the linker would keep all
// of its 700 methods, 30 MB of program, since other packages look methods up by name.
type api struct {
	createSnapshot    call[ec2.CreateSnapshotInput, ec2.CreateSnapshotOutput]
	createVolume      call[ec2.CreateVolumeInput, ec2.CreateVolumeOutput]
	deleteSnapshot    call[ec2.DeleteSnapshotInput, ec2.DeleteSnapshotOutput]
	deleteVolume      call[ec2.DeleteVolumeInput, ec2.DeleteVolumeOutput]
	describeSnapshots snapshotLister
	describeVolumes   volumeLister
	describeZones     call[ec2.DescribeAvailabilityZonesInput, ec2.DescribeAvailabilityZonesOutput]
}

func apiOf(c *ec2.Client) api {
	return api{
		createSnapshot:    c.CreateSnapshot,
		createVolume:      c.CreateVolume,
		deleteSnapshot:    c.DeleteSnapshot,
		deleteVolume:      c.DeleteVolume,
		describeSnapshots: c.DescribeSnapshots,
		describeVolumes:   c.DescribeVolumes,
		describeZones:     c.DescribeAvailabilityZones,
	}
}

// call is one method of the client.
type call[In, Out any] func(context.Context, *In, ...func(*ec2.Options)) (*Out, error)

// snapshotLister and volumeLister are what the SDK's waiters and paginators ask for.
type (
	snapshotLister call[ec2.DescribeSnapshotsInput, ec2.DescribeSnapshotsOutput]
	volumeLister   call[ec2.DescribeVolumesInput, ec2.DescribeVolumesOutput]
)

// DescribeSnapshots implements ec2.DescribeSnapshotsAPIClient.
func (l snapshotLister) DescribeSnapshots(ctx context.Context, in *ec2.DescribeSnapshotsInput, opts ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	return l(ctx, in, opts...)
}

// DescribeVolumes implements ec2.DescribeVolumesAPIClient.
func (l volumeLister) DescribeVolumes(ctx context.Context, in *ec2.DescribeVolumesInput, opts ...func(*ec2.Options)) (*ec2.DescribeVolumesOutput, error) {
	return l(ctx, in, opts...)
}
