package agent

import (
	"regexp"
	"strconv"
	"strings"
)

// aSize is how programs write numbers of bytes for people.
const aSize = `([0-9]+(?:\.[0-9]+)?)\s*([KMGTPE]?)(i?)B\b`

var (
	// uploadedTalk is in the last line of progress of `kopia snapshot create`.
	uploadedTalk = regexp.MustCompile(`uploaded ` + aSize)
	// restoredTalk ends `kopia snapshot restore`.
	restoredTalk = regexp.MustCompile(`Restored ([0-9]+) files.*?\(` + aSize + `\)`)
	// prunedTalk ends `restic prune`.
	prunedTalk = regexp.MustCompile(`total prune:.*?/ ` + aSize)
)

// bytesOf turns the three parts of aSize into a number. Kopia counts in thousands, restic
// says KiB and counts by 1024.
func bytesOf(number, unit, binary string) int64 {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0
	}
	base := 1000.0
	if binary != "" {
		base = 1024
	}
	for range strings.Index("KMGTPE", unit) + min(len(unit), 1) {
		n *= base
	}
	return int64(n)
}

// sizeIn returns the last size that the pattern finds.
func sizeIn(pattern *regexp.Regexp, text string) int64 {
	all := pattern.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return 0
	}
	m := all[len(all)-1]
	return bytesOf(m[len(m)-3], m[len(m)-2], m[len(m)-1])
}

// restoredOf reads how much the kopia program says that it has restored.
func restoredOf(text string) (files, size int64) {
	if m := restoredTalk.FindStringSubmatch(text); m != nil {
		// More digits than fit are not what was counted.
		files, _ = strconv.ParseInt(m[1], 10, 64)
	}
	return files, sizeIn(restoredTalk, text)
}
