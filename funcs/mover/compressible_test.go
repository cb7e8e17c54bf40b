package mover

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

func TestCompressible(t *testing.T) {
	noise := make([]byte, 1<<20)
	if _, err := rand.NewChaCha8([32]byte{2}).Read(noise); err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(fmt.Append(nil, noise[:200_000])); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want bool
	}{
		"nothing":        {nil, false},
		"a byte":         {[]byte("a"), false},
		"a line":         {[]byte("the quick brown fox jumps over the lazy dog\n"), true},
		"text":           {[]byte(strings.Repeat("error: the disk is full\n", 100)), true},
		"numbers":        {[]byte(fmt.Sprint(noise[:1000])), true},
		"base64":         {[]byte(base64.StdEncoding.EncodeToString(noise[:10_000])), true},
		"zeros":          {make([]byte, 4096), true},
		"a program":      {program[:1<<20], true},
		"gzip":           {zipped.Bytes()[1000:], false},
		"text in noise":  {append(noise[:3000:3000], []byte(strings.Repeat("more text, ", 300))...), true},
		"random, 100":    {noise[:100], false},
		"random, 256":    {noise[:256], false},
		"random, 4 KiB":  {noise[:4096], false},
		"random, 1 MiB":  {noise, false},
		"random, by odd": {noise[7 : 7+3*sampleSize+1], false},
	} {
		if got := compressible(tc.data); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestRandomBytesDoNotCompress looks at many: chance must not have them compressed often.
func TestRandomBytesDoNotCompress(t *testing.T) {
	random := rand.NewChaCha8([32]byte{3})
	for _, size := range []int{256, 1024, 4096} {
		wrong, data := 0, make([]byte, size)
		for range 2000 {
			if _, err := random.Read(data); err != nil {
				t.Fatal(err)
			}
			if compressible(data) {
				wrong++
			}
		}
		if wrong > 10 {
			t.Errorf("%d of 2000 times, %d random bytes count as compressible", wrong, size)
		}
	}
}
