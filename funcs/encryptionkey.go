package funcs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

const (
	// keyField is the field of the Secret that holds a generated key.
	keyField = "encryptionKey"
	// keyRepository is the annotation that names the repository of the key.
	keyRepository = "rescue.dev/repository"
	// keyBytes is how much randomness a generated key has.
	keyBytes = 32
	// keyComponent is the value of the label componentLabel.
	keyComponent   = "encryption-key"
	componentLabel = "app.kubernetes.io/component"
	// keyNameLength bounds the readable part of the Secret's name.
	keyNameLength = 40
)

// keyLabels are how users find the Secrets with generated keys. The labels of the
// run are not among them: what they mark is removed with the run.
func keyLabels() map[string]string {
	return map[string]string{
		"app.kubernetes.io/managed-by": "rescue",
		componentLabel:                 keyComponent,
	}
}

// IsEncryptionKey tells whether a Secret with these labels holds a generated key. It
// must never be removed: without it, backups cannot be read.
func IsEncryptionKey(labels map[string]string) bool {
	return labels[componentLabel] == keyComponent
}

// keySecretName is the name of the Secret with the generated key of a repository.
// The endpoint plays no part, so that a store which moves keeps its key.
func keySecretName(path string) string {
	path = strings.Trim(path, "/")
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(path))
	readable = strings.Trim(readable[:min(len(readable), keyNameLength)], "-")
	sum := sha256.Sum256([]byte(path))
	return "rescue-key-" + readable + "-" + hex.EncodeToString(sum[:4])
}

// keyForBackup returns the key of the repository: the given one, that of the
// Secret, or, for a repository that does not exist yet, a new one that is put into
// the Secret first.
func (e *Env) keyForBackup(ctx context.Context, given string, repo repository, at container) (string, error) {
	if given != "" {
		return given, nil
	}
	key, err := e.storedKey(ctx, repo)
	if err != nil || key != "" {
		return key, err
	}
	probe, err := e.moveData(ctx, at, repo.request(agent.OpProbe))
	if err != nil {
		return "", err
	}
	if probe.Exists {
		return "", e.missingKey(repo)
	}
	return e.newKey(ctx, repo)
}

// keyForRestore returns the given key, or that of the Secret.
func (e *Env) keyForRestore(ctx context.Context, given string, repo repository) (string, error) {
	if given != "" {
		return given, nil
	}
	key, err := e.storedKey(ctx, repo)
	if err == nil && key == "" {
		err = e.missingKey(repo)
	}
	return key, err
}

// storedKey returns the key in the Secret, empty without a Secret.
func (e *Env) storedKey(ctx context.Context, repo repository) (string, error) {
	name := keySecretName(repo.path)
	secret, err := e.Kube.CoreV1().Secrets(e.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("encryption key of %s: %w", repo.path, err)
	}
	key := string(secret.Data[keyField])
	if key == "" {
		return "", fmt.Errorf("secret %s/%s should hold the encryption key of %s in the field %s, and has none", e.Namespace, name, repo.path, keyField)
	}
	return key, nil
}

// newKey makes a key and keeps it. Of several that try at once, all get the key of
// the first.
func (e *Env) newKey(ctx context.Context, repo repository) (string, error) {
	random := make([]byte, keyBytes)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("new encryption key: %w", err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:        keySecretName(repo.path),
			Namespace:   e.Namespace,
			Labels:      keyLabels(),
			Annotations: map[string]string{keyRepository: repo.path},
		},
		Immutable: new(true),
		Data:      map[string][]byte{keyField: []byte(hex.EncodeToString(random))},
	}
	made, err := e.Kube.CoreV1().Secrets(e.Namespace).Create(ctx, secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return e.storedKey(ctx, repo)
	}
	if err != nil {
		return "", fmt.Errorf("keep the new encryption key of %s: %w", repo.path, err)
	}
	e.Log.Warn("made an encryption key for a new repository: keep a copy of this secret outside of the cluster, no backup can be read without it",
		"repository", repo.path, "namespace", made.Namespace, "secret", made.Name)
	return string(secret.Data[keyField]), nil
}

// explainKey says where a key that does not fit came from, if it was not given.
func (e *Env) explainKey(err error, given string, repo repository) error {
	if given != "" || mover.CodeOf(err) != mover.CodeWrongKey {
		return err
	}
	return &mover.Error{Code: mover.CodeWrongKey, Text: fmt.Sprintf(
		"the key in secret %s/%s was used, because the phase gives no encryptionKey", e.Namespace, keySecretName(repo.path)), Err: err}
}

// missingKey explains what a user without the Secret can do.
func (e *Env) missingKey(repo repository) error {
	return &mover.Error{Code: mover.CodeWrongKey, Text: fmt.Sprintf(
		"the phase gives no encryptionKey, and secret %s/%s, which would hold the generated key of the repository %s, does not exist: "+
			"give the key as encryptionKey, or create the secret again from a copy, with the key in its field %s",
		e.Namespace, keySecretName(repo.path), repo.path, keyField)}
}
