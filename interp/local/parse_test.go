package local

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	const info = `21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:20 / /proc rw - proc proc rw
23 21 254:1 / /home rw shared:1 - xfs /dev/vdb rw
24 23 254:2 / /home/a\040b rw - ext4 /dev/vdc rw
25 21 0:30 / /run/user/0 rw - tmpfs tmpfs rw
26 21 254:3 / /state/root rw - tmpfs tmpfs rw
27 23 254:1 / /home rw - xfs /dev/vdb rw
`
	got, err := parseMounts(strings.NewReader(info), append([]string{"/state/root"}, coveredDirs...))
	if want := []string{"/", "/home", "/home/a b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"A": "1", "EMPTY": ""}
	for in, want := range map[string]string{
		"$(A)": "1", "$$(A)": "$(A)", "$(B)": "$(B)", "$(EMPTY)x": "x", "$": "$", "a$": "a$", "$A $(": "$A $(", "$(A)$(A)": "11", "": "",
	} {
		if got := expand(in, vars); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("$(A) $$(A) $")
	f.Fuzz(func(t *testing.T, s string) {
		if !strings.Contains(s, "$") && expand(s, nil) != s {
			t.Errorf("%q was changed", s)
		}
	})
}

func FuzzParseMounts(f *testing.F) {
	f.Add("21 1 254:0 / / rw,relatime - ext4 /dev/vda rw")
	f.Fuzz(func(t *testing.T, s string) {
		if mounts, err := parseMounts(strings.NewReader(s), nil); err == nil && mounts[0] > "/" {
			t.Errorf("the root is not the first: %q", mounts)
		}
	})
}

func FuzzDecodeMessage(f *testing.F) {
	data, err := encodeMessage(message{Kind: msgStart, Process: &processSpec{Args: []string{"true"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 4 {
			return
		}
		m, err := decodeMessage(data[:4], bytes.NewReader(data[4:]))
		if err != nil {
			return
		}
		if _, err := encodeMessage(m); err != nil {
			t.Errorf("decoded, and cannot be encoded: %v", err)
		}
	})
}

func FuzzReadManifests(f *testing.F) {
	for _, seed := range []string{deploymentManifest, settingsManifest, "a: b", "kind: List\napiVersion: v1\nitems: [1]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		objs, err := readManifests(data)
		if err != nil {
			return
		}
		for _, obj := range objs {
			if obj.GetKind() == "" || obj.GetName() == "" {
				t.Errorf("an object without kind or name: %v", obj.Object)
			}
		}
	})
}
