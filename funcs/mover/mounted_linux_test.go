package mover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

func TestIsMounted(t *testing.T) {
	for dir, want := range map[string]bool{"/": false, "/proc": true, "/proc/self/fd": true, "/etc": false, "/no/such/directory": false} {
		if got := isMounted(dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/proc", link); err != nil {
		t.Fatal(err)
	}
	if !isMounted(link) {
		t.Error("a link into a mount")
	}
}

func TestUnescapeMount(t *testing.T) {
	for text, want := range map[string]string{
		`/a`: "/a", `/a\040b`: "/a b", `/a\134b\011`: "/a\\b\t", `/a\04`: `/a\04`, `\`: `\`, `\999x`: `\999x`,
	} {
		if got := unescapeMount(text); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func FuzzUnescapeMount(f *testing.F) {
	f.Add(`/a\040b`)
	f.Fuzz(func(t *testing.T, text string) {
		if got := unescapeMount(text); len(got) > len(text) || !strings.Contains(text, `\`) && got != text {
			t.Errorf("%q gives %q", text, got)
		}
	})
}

// A claim that was not mounted must not lead to backups into the container's own files.
func TestClaimThatIsNotMounted(t *testing.T) {
	dir := t.TempDir()
	if isMounted(dir) {
		t.Skip("the directory of temporary files is a mount of its own here")
	}
	l := Location{Profile: &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: dir, Claim: "backups"}}, Path: "a", Password: "p"}
	_, err := OpenOrCreate(t.Context(), l)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("written there: %v, %v", left, err)
	}
	if CodeOf(err) != CodeUnreachable || !strings.Contains(err.Error(), "mount the claim backups at "+dir) {
		t.Errorf("got %v", err)
	}
}
