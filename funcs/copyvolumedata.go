package funcs

import (
	"cmp"
	"context"
	"fmt"
	"path"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

// volumeDataDir is where CopyVolumeData mounts volumes by default, each in a
// directory of the claim's name.
const volumeDataDir = "/mnt/vol_data"

type copyVolumeDataArgs struct {
	podWishes
	Namespace          string `json:"namespace"`
	Volume             string `json:"volume"`
	DataArtifactPrefix string `json:"dataArtifactPrefix"`
	EncryptionKey      string `json:"encryptionKey"`
	MountPath          string `json:"mountPath"`
	Image              string `json:"image"`
	InsecureTLS        bool   `json:"insecureTLS"`
}

// CopyVolumeData stores a whole volume in the profile's location. It makes a pod that
// mounts it, and runs the data mover there.
func CopyVolumeData() Func {
	return fn[copyVolumeDataArgs]{name: "CopyVolumeData", exec: copyVolumeData, access: access.All(access.VolumeDataPod(access.In(access.InWork, "namespace")), access.MakeKey)}
}

func copyVolumeData(ctx context.Context, env *Env, a copyVolumeDataArgs) (Output, error) {
	root := path.Clean(cmp.Or(a.MountPath, path.Join(volumeDataDir, a.Volume)))
	if !path.IsAbs(root) || root == "/" {
		return nil, fmt.Errorf("argument mountPath: %q is not the absolute path of a directory to mount a volume at", a.MountPath)
	}
	ns := env.namespaceOr(a.Namespace)
	repo, err := env.repositoryAt(a.DataArtifactPrefix, ns, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	pod := dataPod{
		podWishes: a.podWishes,
		prefix:    "copy-vol-data-",
		namespace: ns,
		image:     a.Image,
		mounts:    map[string]kube.Mount{a.Volume: {Path: root, ReadOnly: true}},
	}
	var made backedUp
	err = env.inDataPod(ctx, pod, func(ctx context.Context, at container) (err error) {
		made, err = env.backup(ctx, at, backupJob{repository: repo, givenKey: a.EncryptionKey, path: root, origin: a.Volume})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := made.output()
	out["backupRoot"], out["backupArtifactLocation"] = root, repo.path
	return out, nil
}
