package rds

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// nameLimit is how long the name of an instance or a cluster may be. Snapshots may be
// longer, but are kept to it as well.
const nameLimit = 63

// Name joins the name of a database and a suffix, which starts with a hyphen, cutting
// the name where both together would be too long. RDS keeps names in lower case, and
// refuses two hyphens side by side.
func Name(of, suffix string) string {
	of = strings.ToLower(of)
	if over := len(of) + len(suffix) - nameLimit; over > 0 {
		of = of[:max(0, len(of)-over)]
	}
	return strings.TrimRight(of, "-") + suffix
}

// The suffixes of a restore's two databases: the one that will take the place, and the
// one that had it. They depend on nothing but the database, so that any later attempt
// finds what an earlier one has left.
const (
	suffixNew = "-rescue-new"
	suffixOld = "-rescue-old"
)

// Unique is the suffix of a name that only one phase uses: a hyphen and ten characters
// of the seed, as many as Kanister's have.
func Unique(seed [sha256.Size]byte) string { return "-" + hex.EncodeToString(seed[:5]) }
