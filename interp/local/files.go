package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// objectFiles keeps each object in a YAML file of its own, below a directory:
// GROUP_VERSION/RESOURCE/NAMESPACE/NAME.yaml, with "-" for what has no namespace.
type objectFiles struct{ dir string }

func (f objectFiles) path(r resource, obj *unstructured.Unstructured) string {
	namespace := obj.GetNamespace()
	if namespace == "" {
		namespace = "-"
	}
	group := r.Group
	if group == "" {
		group = "core"
	}
	return filepath.Join(f.dir, group+"_"+r.Version, r.Resource, namespace, obj.GetName()+".yaml")
}

func (f objectFiles) write(r resource, obj *unstructured.Unstructured) error {
	data, err := yaml.Marshal(obj.Object)
	if err != nil {
		return fmt.Errorf("save %s %s: %w", r.Kind, obj.GetName(), err)
	}
	path := f.path(r, obj)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeFileAtomically(path, data)
}

// writeFileAtomically leaves the old file or the new one, whatever happens.
func writeFileAtomically(path string, data []byte) error {
	tmp := path + tempSuffix
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

const tempSuffix = ".tmp"

func (f objectFiles) remove(r resource, obj *unstructured.Unstructured) error {
	err := os.Remove(f.path(r, obj))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// A savedObject is an object and the file that it was read from.
type savedObject struct {
	path string
	obj  *unstructured.Unstructured
}

// read gives all saved objects, and removes what a killed process left half written.
func (f objectFiles) read() ([]savedObject, error) {
	var all []savedObject
	err := filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.IsDir():
			return err
		case strings.HasSuffix(path, tempSuffix):
			return os.Remove(path)
		case !strings.HasSuffix(path, ".yaml"):
			return nil
		}
		obj, err := readObject(path)
		if err != nil {
			return badFile(path, err)
		}
		all = append(all, savedObject{path, obj})
		return nil
	})
	return all, err
}

func readObject(path string) (*unstructured.Unstructured, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	data, err = yaml.YAMLToJSON(data)
	if err != nil {
		return nil, err
	}
	obj := &unstructured.Unstructured{}
	if err := unmarshalObject(data, &obj.Object); err != nil {
		return nil, fmt.Errorf("not a Kubernetes object: %w", err)
	}
	return obj, checkNamed(obj)
}

// badFile is for what is no longer as it was written: somebody has edited the file.
func badFile(path string, err error) error {
	return fmt.Errorf("restore or remove the file %s: %w", path, err)
}
