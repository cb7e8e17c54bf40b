package funcs

import (
	"encoding/json"
	"testing"
)

func FuzzParseBackupInfo(f *testing.F) {
	for _, seed := range []string{
		`{"web-0":{"PodName":"web-0","BackupID":"i","BackupTag":"t"}}`, `{"":{}}`, `{"a/b":{"BackupID":"i"}}`, `null`, `[]`, `{"web-0":null}`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		info, err := parseBackupInfo(text)
		if err != nil {
			return
		}
		for pod, b := range info {
			if checkPodName(pod) != nil || b.BackupID == "" {
				t.Errorf("%q was accepted with %+v", pod, b)
			}
		}
		again, err := json.Marshal(info)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseBackupInfo(string(again)); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
