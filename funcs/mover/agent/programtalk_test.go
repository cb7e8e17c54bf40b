package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/funcs/mover"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		" * 0 hashing, 3 hashed (12.3 MB), 0 cached (0 B), uploaded 5 B, estimating...\r | uploaded 1.5 KB, estimated": 1500,
		"uploaded 2 GB": 2_000_000_000, "uploaded 3.5 KiB": 3584, "uploaded nothing": 0, "": 0,
	} {
		if got := sizeIn(uploadedTalk, text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	files, size := restoredOf("Restored 12 files, 4 directories and 2 symbolic links (3.3 MB).\n")
	if files != 12 || size != 3_300_000 {
		t.Errorf("restored %d files, %d bytes", files, size)
	}
	if got := sizeIn(prunedTalk, "to delete: 8 blobs / 1 B\ntotal prune:           8 blobs / 1.5 MiB\nremaining:  0 blobs / 0 B"); got != 1_572_864 {
		t.Errorf("pruned %d", got)
	}
}

// TestCodeOfTalk has what the programs print.
func TestCodeOfTalk(t *testing.T) {
	for text, want := range map[string]mover.Code{
		"ERROR open repository: repository not initialized in the provided storage":                                                                      mover.CodeNoRepository,
		"unable to create format manager: unable to read format blob: error getting kopia.repository blob: BLOB not found":                               mover.CodeNoRepository,
		"ERROR open repository: cannot open storage: cannot access storage path: stat /b/x: no such file or directory":                                   mover.CodeNoRepository,
		"ERROR open repository: unable to open repository: invalid repository password":                                                                  mover.CodeWrongKey,
		"Fatal: wrong password or no key found":                                                                                                          mover.CodeWrongKey,
		"Fatal: unable to open config file: Stat: The specified key does not exist.\nIs there a repository at the following location?\ns3:x":             mover.CodeNoRepository,
		"Fatal: unable to open config file: Stat: The request signature we calculated does not match the signature you provided.\nIs there a repository": mover.CodeDenied,
		"Fatal: unable to open config file: Stat: Get \"http://x\": dial tcp 127.0.0.1:9: connect: connection refused\nIs there a repository":            mover.CodeUnreachable,
		"Fatal: unable to open config file: Stat: The specified bucket does not exist.\nIs there a repository at the following location?":                mover.CodeUnreachable,
		"ERROR error connecting to API server: rpc error: code = PermissionDenied desc = access denied for x@y":                                          mover.CodeDenied,
		"ERROR upload error: unable to snapshot: permission denied":                                                                                      mover.CodeFailed,
		"": mover.CodeFailed,
	} {
		if got, _ := codeOfTalk(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if _, last := codeOfTalk("one\n * progress\rERROR the reason\n\n"); last != "the reason" {
		t.Errorf("the last line is %q", last)
	}
}

func TestPart(t *testing.T) {
	s := mover.Snapshot{ID: "i", Path: "/var/log"}
	for _, tc := range []struct{ target, sub, source, to string }{
		{"/", "", "i", "/var/log"},
		{"/mnt", "", "i", "/mnt/var/log"},
		{"/mnt", "/var/log/nginx", "i/nginx", "/mnt"},
		{"/mnt", "/var/log/", "i", "/mnt"},
		{"/mnt", "/var", "i", "/mnt/log"},
	} {
		source, to, err := part(s, tc.target, tc.sub)
		if err != nil || source != tc.source || to != tc.to {
			t.Errorf("part(%q, %q) = %q, %q, %v", tc.target, tc.sub, source, to, err)
		}
	}
	if _, _, err := part(s, "/mnt", "/var/logs"); mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("a neighbour: %v", err)
	}
}

func TestParseRestic(t *testing.T) {
	all, err := parseResticSnapshots([]byte(`[
		{"time":"2026-11-22T16:18:57Z","paths":["/b"],"tags":["two"],"id":"bb"},
		{"time":"2025-11-22T16:18:57Z","paths":["/a"],"tags":["one"],"id":"aa"}]`))
	if err != nil || len(all) != 2 || all[0].ID != "aa" || all[0].Tag != "one" || all[1].Path != "/b" {
		t.Errorf("snapshots %+v, %v", all, err)
	}
	text := []byte(`{"total_size":1663,"total_file_count":3,"total_blob_count":8,"snapshots_count":1}`)
	got := map[mover.Measure]mover.Measured{}
	for _, how := range []mover.Measure{mover.MeasureRaw, mover.MeasureRestoreSize} {
		if got[how], err = parseResticStats(text, how); err != nil {
			t.Error(err)
		}
	}
	want := map[mover.Measure]mover.Measured{mover.MeasureRaw: {Count: 8, Size: 1663}, mover.MeasureRestoreSize: {Count: 3, Size: 1663}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "{}", "null", "no"} {
		if m, err := parseResticStats([]byte(bad), mover.MeasureRaw); err == nil {
			t.Errorf("stats of %q: %+v", bad, m)
		}
	}
}

func TestResticID(t *testing.T) {
	for id, want := range map[string]bool{
		"": true, "59729e7d": true, "59729e7dfc84092c6f828f335bef77a2255cc7b0a2a075cef8e45d8865271ad4": true,
		"f749e7f9a9db45772d8e57ce2b7cca7d": false, "59729e7d:/x": false, "latest": false,
	} {
		if resticID(id) != want {
			t.Errorf("resticID(%q) is not %t", id, want)
		}
	}
}

// FuzzShellOutput gives what a script writes in pieces.
func FuzzShellOutput(f *testing.F) {
	f.Add("{}\n", "ERROR no\n", 3)
	f.Add("\n0123 errors", "\n\n0123", 1)
	f.Fuzz(func(t *testing.T, out, errs string, piece int) {
		if containsAny(out+errs, []string{"0123456789abcdef"}) {
			t.Skip("nobody can know the mark")
		}
		o := &shellOutput{mark: []byte("\n0123456789abcdef "), steps: make(chan stepResult, 2)}
		text := out + string(o.mark) + "errors\n" + errs + string(o.mark) + "0\n"
		for len(text) > 0 {
			n := min(max(piece%len(text), 1), len(text))
			if _, err := o.Write([]byte(text[:n])); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		if len(o.steps) != 1 || o.buf.Len() > 0 {
			t.Fatalf("%d results, %d bytes are left", len(o.steps), o.buf.Len())
		}
		if r := <-o.steps; string(r.out) != out || r.errors != strings.TrimSpace(errs) || r.status != 0 {
			t.Errorf("%+v, want %q and %q", r, out, errs)
		}
	})
}
