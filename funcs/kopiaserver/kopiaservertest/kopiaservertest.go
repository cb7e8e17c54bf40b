// Package kopiaservertest runs a repository server for tests.
package kopiaservertest

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kopiaserver"
	"github.com/rescuecue/rescue/funcs/mover"
)

// Username is the user name of all clients.
const Username = "shop"

// Program is the kopia program. Without one the test is skipped.
func Program(t testing.TB) string {
	t.Helper()
	found, err := exec.LookPath(cmp.Or(os.Getenv("RESCUE_KOPIA"), "kopia"))
	if err != nil {
		t.Skip("no kopia program: make dist/kopia, or name one of v0.23 or newer in RESCUE_KOPIA")
	}
	return found
}

// Config is that of a server for a repository in a temporary directory, with the hosts
// one and two, whose passwords are their names with "-secret" behind.
func Config(t testing.TB) kopiaserver.Config {
	t.Helper()
	cert, key := Certificate(t, "127.0.0.1")
	return kopiaserver.Config{
		Location: mover.Location{
			Profile:  &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: t.TempDir()}},
			Path:     "backups/app",
			Password: "repository-secret",
		},
		Username: "server", Hostname: "here",
		Admin:       kopiaserver.Login{Username: "admin", Password: "admin-secret"},
		Certificate: cert, Key: key,
		Users: map[string]string{Username + "@one": "one-secret", Username + "@two": "two-secret"},
	}
}

// Start runs a server on a free port until the test ends.
func Start(t testing.TB, c kopiaserver.Config) *kopiaserver.Server {
	t.Helper()
	s, err := kopiaserver.Start(context.Background(), c, Options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Options are those of a server on a free port that makes its repository.
func Options(t testing.TB) kopiaserver.Options {
	t.Helper()
	return kopiaserver.Options{
		Program: Program(t), Dir: t.TempDir(), Listen: "127.0.0.1:0", Create: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// Resource is what blueprints see of the server.
func Resource(c kopiaserver.Config, s *kopiaserver.Server, hosts map[string]string) *compat.RepositoryServer {
	access := map[string][]byte{}
	for host, password := range hosts {
		access[host] = []byte(password)
	}
	return &compat.RepositoryServer{
		Name: "backups", Namespace: "rescue", Username: Username, Address: s.Address,
		Credentials: compat.RepositoryServerCredentials{
			ServerTLS:        compat.Secret{Data: map[string][]byte{"tls.crt": c.Certificate}},
			ServerUserAccess: compat.Secret{Data: access},
		},
	}
}

// Profile is the one by which a host logs in.
func Profile(t testing.TB, c kopiaserver.Config, s *kopiaserver.Server, host, password string) *compat.Profile {
	t.Helper()
	p, err := Resource(c, s, map[string]string{host: password}).ClientProfile(host)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Certificate makes a certificate that signs itself, and its key, in PEM form.
func Certificate(t testing.TB, hosts ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kopia"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
