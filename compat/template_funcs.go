package compat

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode"

	"github.com/Masterminds/sprig"
)

// TemplateFuncs lists the functions of templates in alphabetical order, without
// those that Go has built in.
func TemplateFuncs() []string {
	return slices.Sorted(maps.Keys(Engine{}.funcMap()))
}

// usedFuncs are the functions that the text may call. text/template needs longer
// to take in all of them than to parse and run a usual template.
func (e Engine) usedFuncs(text string) template.FuncMap {
	all, used := e.funcMap(), template.FuncMap{}
	for _, word := range strings.FieldsFunc(text, notInName) {
		if f, ok := all[word]; ok {
			used[word] = f
		}
	}
	return used
}

func notInName(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// funcMap is shared and must not be changed.
func (e Engine) funcMap() template.FuncMap {
	if e.AllowUnsafe {
		return unsafeFuncs()
	}
	return safeFuncs()
}

var (
	safeFuncs   = sync.OnceValue(func() template.FuncMap { return restrictedSprig(false) })
	unsafeFuncs = sync.OnceValue(func() template.FuncMap { return restrictedSprig(true) })
)

// restrictedSprig is sprig's map with Kanister's restrictions and ours.
func restrictedSprig(allowUnsafe bool) template.FuncMap {
	fm := sprig.TxtFuncMap()
	fm["derivePassword"] = func(...any) (string, error) { return "", notFIPS("derivePassword") }
	genKey := fm["genPrivateKey"].(func(string) string)
	fm["genPrivateKey"] = func(kind string) (string, error) { return privateKey(kind, genKey) }
	if !allowUnsafe {
		for _, name := range unsafeTemplateFuncs {
			fm[name] = func(string) (string, error) { return "", unsafeFunc(name) }
		}
	}
	return fm
}

// unsafeTemplateFuncs reach outside of what a template is given.
var unsafeTemplateFuncs = [...]string{"env", "expandenv", "getHostByName"}

// UnsafeTemplateFunc tells whether the function reads the environment of the program
// that renders, or asks the network: templates may call it only if AllowUnsafe is set.
func UnsafeTemplateFunc(name string) bool { return slices.Contains(unsafeTemplateFuncs[:], name) }

func notFIPS(name string) error {
	return fmt.Errorf("%s is not allowed in blueprints: it is not FIPS compatible", name)
}

func unsafeFunc(name string) error {
	what := "reads the environment of the program that renders"
	if name == "getHostByName" {
		what = "asks the network"
	}
	return fmt.Errorf("%s %s, so it is refused unless unsafe template functions are allowed", name, what)
}

// privateKey makes a private key in PEM. Sprig 2.22.0 has no ed25519, which
// Kanister lets through, and answers an unknown kind with a text about it.
func privateKey(kind string, gen func(string) string) (string, error) {
	switch kind {
	case "rsa", "ecdsa":
		return gen(kind), nil
	case "ed25519":
		return ed25519Key()
	case "dsa":
		return "", fmt.Errorf("genPrivateKey %q is not allowed in blueprints: it is not FIPS compatible", kind)
	}
	return "", fmt.Errorf("genPrivateKey knows rsa, ecdsa and ed25519, not %q", kind)
}

func ed25519Key() (string, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
