package ocipack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func sample() Image {
	return Image{
		Name:         "localhost:5000/tools/rescue:dev",
		Architecture: "amd64",
		Entrypoint:   []string{"/usr/bin/rescue"},
		Env:          []string{"PATH=/usr/bin"},
		Layers: [][]File{
			{{Path: "usr/lib/libc.so", Mode: 0o755, Data: []byte("library"), UID: 42, GID: 43}},
			{
				{Path: "usr/bin/rescue", Mode: 0o755, Data: []byte("program")},
				{Path: "usr/bin/kando", Link: "rescue"},
				{Path: "tmp", Mode: 0o1777, Dir: true},
			},
		},
	}
}

func write(t *testing.T, img Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func untar(t *testing.T, r io.Reader) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	headers, files := map[string]*tar.Header{}, map[string][]byte{}
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return headers, files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name], files[h.Name] = h, data
	}
}

func parse[T any](t *testing.T, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

func TestWriteSameBytes(t *testing.T) {
	if !bytes.Equal(write(t, sample()), write(t, sample())) {
		t.Error("two archives of the same image differ")
	}
}

// TestWriteLayout follows the digests from the index to the files.
func TestWriteLayout(t *testing.T) {
	_, files := untar(t, bytes.NewReader(write(t, sample())))
	blob := func(d descriptor) []byte {
		data := files[blobPath(d.Digest)]
		sum := sha256.Sum256(data)
		if d.Digest != "sha256:"+hex.EncodeToString(sum[:]) || d.Size != len(data) {
			t.Fatalf("blob %s does not match its descriptor", d.Digest)
		}
		return data
	}
	index := parse[struct{ Manifests []descriptor }](t, files["index.json"])
	m := index.Manifests[0]
	if m.Annotations["io.containerd.image.name"] != sample().Name || m.Annotations["org.opencontainers.image.ref.name"] != "dev" {
		t.Errorf("annotations %v", m.Annotations)
	}
	manifest := parse[struct {
		Config descriptor
		Layers []descriptor
	}](t, blob(m))
	config := parse[struct {
		Architecture string
		Rootfs       struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}](t, blob(manifest.Config))
	if config.Architecture != "amd64" || len(manifest.Layers) != 2 || len(config.Rootfs.DiffIDs) != 2 {
		t.Fatalf("config %+v, manifest %+v", config, manifest)
	}
	headers, layer := unpack(t, blob(manifest.Layers[0]), config.Rootfs.DiffIDs[0])
	if h := headers["usr/lib/libc.so"]; string(layer["usr/lib/libc.so"]) != "library" || h.Uid != 42 || h.Gid != 43 {
		t.Errorf("library: %+v", h)
	}
	headers, layer = unpack(t, blob(manifest.Layers[1]), config.Rootfs.DiffIDs[1])
	if string(layer["usr/bin/rescue"]) != "program" || headers["usr/bin/rescue"].Mode != 0o755 {
		t.Errorf("program: %+v", headers["usr/bin/rescue"])
	}
	if h := headers["usr/bin/kando"]; h == nil || h.Typeflag != tar.TypeSymlink || h.Linkname != "rescue" {
		t.Errorf("link: %+v", h)
	}
	if h := headers["tmp/"]; h == nil || h.Mode != 0o1777 {
		t.Errorf("tmp: %+v", h)
	}
	if headers["usr/"] == nil || headers["usr/bin/"] == nil {
		t.Error("directories above the files are missing")
	}
	docker := parse[[]struct {
		RepoTags []string
		Layers   []string
	}](t, files["manifest.json"])
	if docker[0].RepoTags[0] != sample().Name || len(docker[0].Layers) != 2 {
		t.Errorf("Docker's manifest: %+v", docker)
	}
	for i, path := range docker[0].Layers {
		if path != blobPath(manifest.Layers[i].Digest) || !strings.HasPrefix(path, "blobs/") {
			t.Errorf("Docker's layer %d is %s", i, path)
		}
	}
}

// unpack reads a layer and checks it against the digest of its plain form.
func unpack(t *testing.T, packed []byte, diffID string) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(plain); diffID != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("the digest %s is not that of the layer", diffID)
	}
	return untar(t, bytes.NewReader(plain))
}
