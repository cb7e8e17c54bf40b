// Package ocipack writes container images without a container engine: layers of
// given files, as a tar archive that `docker load`, `podman load`, `ctr images
// import` and skopeo understand. The same files give the same bytes.
package ocipack

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Image is what goes into an image.
type Image struct {
	// Name is the whole name, with a tag.
	Name string
	// Architecture as Go calls it.
	Architecture string
	Entrypoint   []string
	Env          []string
	// Layers lie upon one another; what changes more often belongs in a later one.
	// Those without files are left out.
	Layers [][]File
}

// File is a file, directory or symbolic link of an image.
type File struct {
	// Path without a leading slash. Directories above it are made.
	Path string
	// Mode are the permission bits, with the sticky bit as 0o1000.
	Mode int64
	// UID and GID are the owner; 0 is root.
	UID, GID int
	// Data of a file.
	Data []byte
	// Link is where a symbolic link points, empty for other kinds.
	Link string
	// Dir makes it a directory.
	Dir bool
}

const (
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Write writes the image as an OCI layout, with Docker's manifest beside it for
// programs that know no other.
func Write(w io.Writer, img Image) error {
	archive := &archive{tar: tar.NewWriter(w)}
	var layers []descriptor
	var diffIDs, paths []string
	for _, l := range packLayers(img.Layers) {
		if l.err != nil {
			return l.err
		}
		ref := archive.blob(mediaLayer, l.packed)
		layers, diffIDs, paths = append(layers, ref), append(diffIDs, l.diffID), append(paths, blobPath(ref.Digest))
	}
	configRef := archive.json(mediaConfig, imageConfig(img, diffIDs))
	manifestRef := archive.json(mediaManifest, map[string]any{
		"schemaVersion": 2,
		"mediaType":     mediaManifest,
		"config":        configRef,
		"layers":        layers,
	})
	manifestRef.Annotations = map[string]string{
		"io.containerd.image.name":          img.Name,
		"org.opencontainers.image.ref.name": tag(img.Name),
	}
	archive.file("index.json", map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifestRef}})
	archive.file("oci-layout", map[string]any{"imageLayoutVersion": "1.0.0"})
	archive.file("manifest.json", []map[string]any{{
		"Config":   blobPath(configRef.Digest),
		"RepoTags": []string{img.Name},
		"Layers":   paths,
	}})
	return archive.close()
}

func imageConfig(img Image, diffIDs []string) map[string]any {
	return map[string]any{
		"architecture": img.Architecture,
		"os":           "linux",
		"created":      "1970-01-01T00:00:00Z",
		"config":       map[string]any{"Entrypoint": img.Entrypoint, "Env": img.Env, "WorkingDir": "/"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffIDs},
	}
}

// tag is the part of an image name after the colon.
func tag(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[i+1:]
	}
	return "latest"
}

// layer is a packed one.
type layer struct {
	packed []byte
	diffID string
	err    error
}

// packLayers packs them at the same time: compressing takes most of it all.
func packLayers(layers [][]File) []layer {
	layers = slices.DeleteFunc(slices.Clone(layers), func(files []File) bool { return len(files) == 0 })
	packed := make([]layer, len(layers))
	var all sync.WaitGroup
	for i, files := range layers {
		all.Go(func() {
			l := &packed[i]
			l.packed, l.diffID, l.err = packLayer(files)
		})
	}
	all.Wait()
	return packed
}

// packLayer returns the compressed layer and the digest of its plain form.
func packLayer(files []File) ([]byte, string, error) {
	var packed bytes.Buffer
	plain := sha256.New()
	zip := gzip.NewWriter(&packed)
	out := tar.NewWriter(io.MultiWriter(zip, plain))
	for _, f := range withParents(files) {
		if err := writeEntry(out, f); err != nil {
			return nil, "", fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if err := out.Close(); err != nil {
		return nil, "", err
	}
	if err := zip.Close(); err != nil {
		return nil, "", err
	}
	return packed.Bytes(), "sha256:" + hex.EncodeToString(plain.Sum(nil)), nil
}

// withParents adds the directories above each file, and sorts by path. Where a
// path comes twice, the first counts.
func withParents(files []File) []File {
	seen := map[string]bool{}
	var all []File
	add := func(f File) {
		if !seen[f.Path] {
			seen[f.Path] = true
			all = append(all, f)
		}
	}
	for _, f := range files {
		add(f)
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			add(File{Path: dir, Mode: 0o755, Dir: true})
		}
	}
	slices.SortFunc(all, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

func writeEntry(out *tar.Writer, f File) error {
	h := &tar.Header{Name: f.Path, Mode: f.Mode, Uid: f.UID, Gid: f.GID, ModTime: time.Unix(0, 0)}
	switch {
	case f.Dir:
		h.Typeflag, h.Name = tar.TypeDir, f.Path+"/"
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(f.Data))
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := out.Write(f.Data)
	return err
}

// archive writes the files of a layout. It keeps the first error.
type archive struct {
	tar *tar.Writer
	err error
}

func (a *archive) add(name string, data []byte) {
	if a.err == nil {
		a.err = writeEntry(a.tar, File{Path: name, Mode: 0o644, Data: data})
	}
}

func (a *archive) blob(mediaType string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(data)}
	a.add(blobPath(d.Digest), data)
	return d
}

func (a *archive) json(mediaType string, v any) descriptor { return a.blob(mediaType, a.encode(v)) }

func (a *archive) file(name string, v any) { a.add(name, a.encode(v)) }

func (a *archive) encode(v any) []byte {
	data, err := json.Marshal(v)
	if a.err == nil {
		a.err = err
	}
	return data
}

func (a *archive) close() error {
	if a.err != nil {
		return a.err
	}
	return a.tar.Close()
}

func blobPath(digest string) string {
	return "blobs/" + strings.Replace(digest, ":", "/", 1)
}
