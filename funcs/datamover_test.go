package funcs

import "testing"

func TestFormatSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.000 KiB", 1293942: "1.234 MiB",
		1 << 30: "1.000 GiB", 3 << 40: "3.000 TiB", 1 << 60: "1048576.000 TiB",
	} {
		if got := formatSize(bytes); got != want {
			t.Errorf("formatSize(%d) = %q, want %q", bytes, got, want)
		}
	}
}

func TestKeySecretName(t *testing.T) {
	for path, want := range map[string]string{
		"backups/time-log":   "rescue-key-backups-time-log-",
		"/backups/time-log/": "rescue-key-backups-time-log-",
		"Bücket/a_b.c":       "rescue-key-b-cket-a-b-c-",
		"b/x.y/z-":           "rescue-key-b-x-y-z-",
	} {
		got := keySecretName(path)
		if got[:len(got)-8] != want {
			t.Errorf("keySecretName(%q) = %q, want %q and 8 digits", path, got, want)
		}
	}
	if keySecretName("a/b") == keySecretName("a-b") {
		t.Error("two repositories share the name of a secret")
	}
}
