package local

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// resolveVolumes finds what the pod's volumes stand for. What is missing in the
// cluster gives a *missingObject.
func (w *podWorker) resolveVolumes() ([]volumeSpec, error) {
	var list []volumeSpec
	for _, v := range w.pod.Spec.Volumes {
		spec, err := w.resolveVolume(v)
		if err != nil {
			return nil, fmt.Errorf("MountVolume.SetUp failed for volume %q : %w", v.Name, err)
		}
		list = append(list, spec)
	}
	return list, nil
}

func (w *podWorker) resolveVolume(v corev1.Volume) (volumeSpec, error) {
	spec := volumeSpec{Name: v.Name}
	var err error
	switch {
	case v.PersistentVolumeClaim != nil:
		spec.Dir, err = w.k.c.claimDir(w.pod.Namespace, v.PersistentVolumeClaim.ClaimName)
		if err == nil {
			err = w.shareDir(spec.Dir)
		}
	case v.EmptyDir != nil:
		spec.Dir = w.emptyDir(v.Name)
		err = w.makeEmptyDir(spec.Dir)
	case v.Secret != nil:
		s := v.Secret
		spec.Files, err = w.secretFiles(s.SecretName, s.Items, s.DefaultMode, s.Optional)
	case v.ConfigMap != nil:
		m := v.ConfigMap
		spec.Files, err = w.configMapFiles(m.Name, m.Items, m.DefaultMode, m.Optional)
	case v.DownwardAPI != nil:
		spec.Files, err = w.downwardFiles(v.DownwardAPI.Items, v.DownwardAPI.DefaultMode)
	case v.Projected != nil:
		spec.Files, err = w.projectedFiles(v.Projected)
	}
	return spec, err
}

// emptyDir is where the files of an emptyDir are.
func (w *podWorker) emptyDir(volume string) string {
	return filepath.Join(w.k.c.dirs.pod(w.pod.UID), "emptydir", volume)
}

func (w *podWorker) makeEmptyDir(dir string) error {
	if err := makeOpenDir(dir); err != nil {
		return err
	}
	return w.shareDir(dir)
}

// makeOpenDir makes a directory that any user of a container can write to.
func makeOpenDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777)
}

// shareDir gives the volume's files to the pod's fsGroup. Without root, all files
// belong to the one user anyway.
func (w *podWorker) shareDir(dir string) error {
	sc := w.pod.Spec.SecurityContext
	if sc == nil || sc.FSGroup == nil || os.Geteuid() != 0 || w.k.c.mode.User {
		return nil
	}
	group := int(*sc.FSGroup)
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, group); err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case info.IsDir():
			return os.Chmod(path, info.Mode()|0o770|os.ModeSetgid)
		case info.Mode().IsRegular():
			return os.Chmod(path, info.Mode()|0o660)
		}
		return nil
	})
}

func (w *podWorker) secretFiles(name string, items []corev1.KeyToPath, mode *int32, optional *bool) ([]fileSpec, error) {
	data, err := w.k.c.secretData(w.pod.Namespace, name, optional)
	if err != nil {
		return nil, err
	}
	return projectKeys(data, items, mode, optional, "secret")
}

func (w *podWorker) configMapFiles(name string, items []corev1.KeyToPath, mode *int32, optional *bool) ([]fileSpec, error) {
	data, err := w.k.c.configMapData(w.pod.Namespace, name, optional)
	if err != nil {
		return nil, err
	}
	return projectKeys(data, items, mode, optional, "config")
}

func projectKeys(data map[string][]byte, items []corev1.KeyToPath, mode *int32, optional *bool, kind string) ([]fileSpec, error) {
	if len(items) == 0 {
		for _, key := range slices.Sorted(maps.Keys(data)) {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	var files []fileSpec
	for _, item := range items {
		content, found := data[item.Key]
		if !found && optional != nil && *optional {
			continue
		}
		if !found {
			return nil, fmt.Errorf("references non-existent %s key: %s", kind, item.Key)
		}
		files = append(files, fileSpec{Path: item.Path, Mode: fileMode(item.Mode, mode), Data: content})
	}
	return files, nil
}

func fileMode(own, fallback *int32) uint32 {
	switch {
	case own != nil:
		return uint32(*own)
	case fallback != nil:
		return uint32(*fallback)
	}
	return 0o644
}

func (w *podWorker) downwardFiles(items []corev1.DownwardAPIVolumeFile, mode *int32) ([]fileSpec, error) {
	var files []fileSpec
	for _, item := range items {
		value, err := w.downwardValue(item)
		if err != nil {
			return nil, fmt.Errorf("volume file %s: %w", item.Path, err)
		}
		files = append(files, fileSpec{Path: item.Path, Mode: fileMode(item.Mode, mode), Data: []byte(value)})
	}
	return files, nil
}

func (w *podWorker) downwardValue(item corev1.DownwardAPIVolumeFile) (string, error) {
	if item.FieldRef != nil {
		return podField(w.pod, item.FieldRef.FieldPath)
	}
	return resourceField(w.pod, nil, item.ResourceFieldRef)
}

func (w *podWorker) projectedFiles(p *corev1.ProjectedVolumeSource) ([]fileSpec, error) {
	var all []fileSpec
	for _, source := range p.Sources {
		var files []fileSpec
		var err error
		switch {
		case source.Secret != nil:
			s := source.Secret
			files, err = w.secretFiles(s.Name, s.Items, p.DefaultMode, s.Optional)
		case source.ConfigMap != nil:
			m := source.ConfigMap
			files, err = w.configMapFiles(m.Name, m.Items, p.DefaultMode, m.Optional)
		case source.DownwardAPI != nil:
			files, err = w.downwardFiles(source.DownwardAPI.Items, p.DefaultMode)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}

// mountsOf gives a container's mounts, parents before what is mounted below them.
func mountsOf(pod *corev1.Pod, c *corev1.Container) []mountSpec {
	var list []mountSpec
	for _, m := range c.VolumeMounts {
		list = append(list, mountSpec{
			Volume: m.Name, SubPath: m.SubPath, Target: filepath.Clean(m.MountPath),
			ReadOnly: m.ReadOnly || readOnlyClaim(pod, m.Name),
		})
	}
	slices.SortStableFunc(list, func(a, b mountSpec) int { return len(a.Target) - len(b.Target) })
	return list
}

// readOnlyClaim tells whether the pod has a claim that nobody may write to.
func readOnlyClaim(pod *corev1.Pod, volume string) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == volume && v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ReadOnly
	})
}
