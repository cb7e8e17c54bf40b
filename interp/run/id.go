package run

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// NewID names a run: its time, so that runs sort, and five letters of chance.
func NewID(now time.Time) string {
	return now.UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:5])
}

// maxLabelValue is how long the value of a Kubernetes label may be, in bytes.
const maxLabelValue = 63

// LabelValue makes text fit for the value of a Kubernetes label. What does not fit as
// it is gets a short hash of the whole, so that two texts never become one value.
func LabelValue(text string) string {
	clean := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, text)
	if clean == text && len(text) <= maxLabelValue && strings.Trim(text, "-_.") == text {
		return text
	}
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:8]
	clean = clean[:min(len(clean), maxLabelValue-len(hash)-1)]
	return strings.TrimLeft(clean+"-"+hash, "-_.")
}
