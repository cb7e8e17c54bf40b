package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/ebs"
)

// ebs returns what works on the volumes of Amazon EBS. Their functions have no
// arguments for credentials: these are the profile's, or those that surround rescue.
// The region is that of the volume.
func (e *Env) ebs() *ebs.Phase {
	return &ebs.Phase{
		Kube: e.Kube, Log: e.Log, Origin: e.origin(), Token: e.awsToken,
		Open: func(ctx context.Context, region string) (*awsaccess.Account, error) {
			return e.openAWS(ctx, awsArgs{Region: region})
		},
	}
}

// snapshotsArgs are the arguments of functions that take what CreateVolumeSnapshot
// returned.
type snapshotsArgs struct {
	Namespace string `json:"namespace"`
	Snapshots string `json:"snapshots"`
}

func (a snapshotsArgs) manifest() (ebs.Manifest, error) {
	if err := notEmpty("snapshots", a.Snapshots); err != nil {
		return nil, err
	}
	return ebs.ParseManifest(a.Snapshots)
}
