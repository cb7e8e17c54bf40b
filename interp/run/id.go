package run

import (
	"crypto/rand"
	"strings"
	"time"
)

// NewID names a run: its time, so that runs sort, and five letters of chance.
func NewID(now time.Time) string {
	return now.UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:5])
}

// LabelValue makes text fit for the value of a Kubernetes label.
func LabelValue(text string) string {
	clean := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, text)
	clean = strings.Trim(clean[:min(len(clean), 63)], "-_.")
	return clean
}
