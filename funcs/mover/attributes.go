package mover

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/kopia/kopia/fs"
)

// kopia keeps no extended attributes, no holes, and not which names are one file. So a
// directory that has any of these gets one file more in the repository, with a line
// of JSON for each such entry. Whoever restores with the kopia program finds it beside
// the data. A file of the user with this name has its first character escaped.
const (
	attributesName    = ".rescue-attributes"
	attributesFormat  = "attributes"
	attributesVersion = 1
	// itself is the name of the directory that the file lies in.
	itself = "."
)

// attributes are what kopia does not keep of an entry.
type attributes struct {
	// Name of the entry in the repository, or itself.
	Name string `json:"name"`
	// Xattrs are the extended attributes, POSIX access control lists among them.
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	// Link is the same for all names of one file. It means nothing outside of the
	// snapshot.
	Link string `json:"link,omitempty"`
	// Sparse files have holes.
	Sparse bool `json:"sparse,omitempty"`
}

func (a attributes) empty() bool { return len(a.Xattrs) == 0 && a.Link == "" && !a.Sparse }

// attributesHeader is the first line.
type attributesHeader struct {
	Rescue  string `json:"rescue"`
	Version int    `json:"version"`
}

// attributesFile is the file in the repository, made while its directory is read.
type attributesFile struct {
	sourceEntry
	content []byte
}

// newAttributesFile returns nil when there is nothing to keep.
func newAttributesFile(dir *sourceDir, all []attributes) (fs.Entry, error) {
	if len(all) == 0 {
		return nil, nil
	}
	slices.SortFunc(all, func(a, b attributes) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	var content bytes.Buffer
	lines := json.NewEncoder(&content)
	if err := lines.Encode(attributesHeader{attributesFormat, attributesVersion}); err != nil {
		return nil, err
	}
	for _, a := range all {
		if err := lines.Encode(a); err != nil {
			return nil, err
		}
	}
	info := attributesInfo{FileInfo: dir.FileInfo, content: content.Bytes()}
	return &attributesFile{sourceEntry{FileInfo: info, path: dir.path, name: attributesName}, content.Bytes()}, nil
}

// Open implements fs.File.
func (f *attributesFile) Open(context.Context) (fs.Reader, error) {
	return &attributesReader{bytes.NewReader(f.content), f}, nil
}

type attributesReader struct {
	*bytes.Reader
	file *attributesFile
}

// Entry implements fs.Reader.
func (r *attributesReader) Entry() (fs.Entry, error) { return r.file, nil }

// Close implements fs.Reader.
func (r *attributesReader) Close() error { return nil }

// attributesInfo describes the file. Its owner is that of the directory.
type attributesInfo struct {
	os.FileInfo
	content []byte
}

// Size implements os.FileInfo.
func (i attributesInfo) Size() int64 { return int64(len(i.content)) }

// Mode implements os.FileInfo.
func (i attributesInfo) Mode() os.FileMode { return 0o600 }

// IsDir implements os.FileInfo.
func (i attributesInfo) IsDir() bool { return false }

// ModTime implements os.FileInfo. kopia takes a file for unchanged that has the size
// and the time of the last backup; so the time is one that stands for the content.
func (i attributesInfo) ModTime() time.Time {
	sum := sha256.Sum256(i.content)
	return time.Unix(0, int64(binary.BigEndian.Uint64(sum[:])>>4))
}

// readAttributes reads such a file. ok is false for one that is not ours, although it
// has the name: the kopia program stores a user's file as it is called.
func readAttributes(r io.Reader) (all map[string]attributes, ok bool, err error) {
	lines := bufio.NewReader(r)
	first, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	var header attributesHeader
	if json.Unmarshal(first, &header) != nil || header.Rescue != attributesFormat {
		return nil, false, nil
	}
	if header.Version != attributesVersion {
		return nil, true, fmt.Errorf("%s was written by another version of rescue (format %d, this one knows %d)",
			attributesName, header.Version, attributesVersion)
	}
	all = map[string]attributes{}
	decoder := json.NewDecoder(lines)
	for {
		var a attributes
		err := decoder.Decode(&a)
		if errors.Is(err, io.EOF) {
			return all, true, nil
		}
		if err != nil {
			return nil, true, fmt.Errorf("%s: %w", attributesName, err)
		}
		all[a.Name] = a
	}
}
