package funcs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rescuecue/rescue/funcs/kube"
)

// snapshots returns what works on CSI snapshots.
func (e *Env) snapshots() *kube.Snapshots {
	return &kube.Snapshots{Kube: e.Kube, Client: e.Snapshots, Log: e.Log}
}

// notEmpty refuses required arguments that came out empty: pairs of name and value. In
// a request to the API server, an empty name would mean something else.
func notEmpty(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return fmt.Errorf("argument %s is empty: look at what the blueprint makes it of", pairs[i])
		}
	}
	return nil
}

// keepObject makes an object that the phase leaves behind. found says that an earlier
// attempt of the phase has made it.
func keepObject[T kube.Object](ctx context.Context, env *Env, c kube.Maker[T], object T) (kept T, found bool, err error) {
	object.SetAnnotations(env.origin())
	return kube.Keep(ctx, kube.Keeper{Log: env.Log, Own: env.made}, c, object)
}

// nameSeed is what names that nobody chose are made of. In a run it is the same for all
// attempts of the phase, so that each finds the objects of the one before; purpose
// keeps different objects of one phase apart. Outside of a run it is random.
func (e *Env) nameSeed(purpose ...string) [sha256.Size]byte {
	if e.phase() == "" {
		return sha256.Sum256([]byte(rand.Text()))
	}
	return sha256.Sum256([]byte(strings.Join(append([]string{e.phase()}, purpose...), "\x00")))
}

// nameSuffix makes five characters that names may have of a seed.
func nameSuffix(seed [sha256.Size]byte) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	text := make([]byte, 5)
	for i := range text {
		text[i] = alphabet[int(seed[i])%len(alphabet)]
	}
	return string(text)
}

// nameUUID makes a UUID of a seed, of the version for such as are made of anything.
func nameUUID(seed [sha256.Size]byte) string {
	b := seed[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// nameWith appends an ending to a name, which is cut where both together would be
// too long for the name of an object.
func nameWith(name, ending string) string {
	if most := validation.DNS1123SubdomainMaxLength - len(ending); len(name) > most {
		name = strings.TrimRight(name[:most], "-.")
	}
	return name + ending
}

// restoreSize is the least size of a volume made of the snapshot; nil if neither the
// snapshot nor its content tells. The driver is free not to tell, and CSI writes that as 0.
func restoreSize(snap *snapshotv1.VolumeSnapshot, content *snapshotv1.VolumeSnapshotContent) *resource.Quantity {
	if snap.Status != nil && snap.Status.RestoreSize != nil && snap.Status.RestoreSize.Sign() > 0 {
		return snap.Status.RestoreSize
	}
	if content != nil && content.Status != nil && content.Status.RestoreSize != nil && *content.Status.RestoreSize > 0 {
		return resource.NewQuantity(*content.Status.RestoreSize, resource.BinarySI)
	}
	return nil
}

// cleanLabels removes from labels what Kubernetes would refuse, as Kanister does, and
// logs each change. Two labels that become one are an error.
func cleanLabels(env *Env, labels map[string]string) (map[string]string, error) {
	clean, from := map[string]string{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		k, v := labelKey(key), labelText(labels[key])
		if k != key || v != labels[key] {
			env.Log.Warn("a label has characters that labels may not have", "label", key, "value", labels[key],
				"used label", k, "used value", v)
		}
		if k == "" {
			continue
		}
		if other, taken := from[k]; taken {
			return nil, fmt.Errorf("labels %q and %q are both %q without the characters that labels may not have: rename one of them", other, key, k)
		}
		clean[k], from[k] = v, key
	}
	return clean, nil
}

// labelKey keeps a prefix that is a domain, and drops any other.
func labelKey(key string) string {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		return labelText(key)
	}
	if name = labelText(name); name == "" || len(validation.IsDNS1123Subdomain(prefix)) > 0 {
		return name
	}
	return prefix + "/" + name
}

// labelText keeps the characters that names and values of labels may have.
func labelText(text string) string {
	const inner = "-_."
	text = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(inner, c) {
			return c
		}
		return -1
	}, text)
	text = strings.TrimLeft(text, inner)
	return strings.TrimRight(text[:min(len(text), validation.LabelValueMaxLength)], inner)
}
