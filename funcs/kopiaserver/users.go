package kopiaserver

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// setUsers makes the repository's users of one user name those that are wanted.
// Whoever is no longer wanted loses access; users of other names are left alone.
func (p *program) setUsers(ctx context.Context, username string, want map[string]string) error {
	have, err := p.users(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		hash, err := passwordHash(want[name])
		if err != nil {
			return err
		}
		verb := "add"
		if slices.Contains(have, name) {
			verb = "set"
		}
		if _, err := p.run(ctx, "server", "users", verb, name, "--user-password-hash="+hash); err != nil {
			return err
		}
	}
	for _, name := range have {
		if _, wanted := want[name]; wanted || !strings.HasPrefix(name, username+"@") {
			continue
		}
		if _, err := p.run(ctx, "server", "users", "delete", name); err != nil {
			return err
		}
	}
	return nil
}

// kopia's way to keep passwords: a salt and its scrypt key.
const (
	hashVersion = 1
	saltSize    = 32
	hashSize    = 32
	scryptN     = 1 << 16
	scryptR     = 8
	scryptP     = 1
)

// passwordHash is what `kopia server users hash-password` prints. It is made here
// because that command takes the password as an argument, which others can see.
func passwordHash(password string) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, err := scrypt.Key([]byte(password), salt, scryptN, scryptR, scryptP, hashSize)
	if err != nil {
		return "", err
	}
	src, err := json.Marshal(struct {
		Version int    `json:"passwordHashVersion"`
		Hash    []byte `json:"passwordHash"`
	}{hashVersion, append(salt, key...)})
	return base64.StdEncoding.EncodeToString(src), err
}
