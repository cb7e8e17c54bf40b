package funcs

import "testing"

func TestKopiaSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 512: "512 B", 899: "899 B", 900: "0.9 KB", 1000: "1 KB", 1_234_567: "1.2 MB", 950_000: "0.9 MB", 300_000_000: "300 MB",
		4_999_999_999: "5 GB", 5e15: "5000 TB",
	} {
		if got := kopiaSize(bytes); got != want {
			t.Errorf("%d bytes are %q, expected %q", bytes, got, want)
		}
	}
}
