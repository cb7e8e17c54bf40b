package pg

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs/funcstest/loopback"
)

// testServer is started by the first test that needs it, and serves all of them.
var testServer struct {
	sync.Once
	Server
	err  error
	stop func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if testServer.stop != nil {
		testServer.stop()
	}
	os.Exit(code)
}

// startServer returns a PostgreSQL server of this machine without databases and roles.
// Where there is none, the test skips: the end-to-end tests do the same with one in a
// pod.
func startServer(t *testing.T) Server {
	t.Helper()
	initdb, postgres := program(t, "initdb"), program(t, "postgres")
	program(t, "pg_dump")
	testServer.Do(func() { testServer.Server, testServer.stop, testServer.err = serve(initdb, postgres, freeAddress(t)) })
	if testServer.err != nil {
		t.Fatal(testServer.err)
	}
	s := testServer.Server
	for db := range strings.Lines(s.ask(t, "postgres", "SELECT quote_ident(datname) FROM pg_database WHERE datname <> 'postgres' AND NOT datistemplate")) {
		s.sql(t, "postgres", "DROP DATABASE "+strings.TrimSuffix(db, "\n")+" WITH (FORCE)")
	}
	s.sql(t, "postgres", "DROP ROLE IF EXISTS app", "DROP ROLE IF EXISTS weak")
	return s
}

// serve starts a server in a folder of its own, at a free address.
func serve(initdb, postgres string, at Server) (_ Server, stop func(), err error) {
	dir, err := os.MkdirTemp("", "pgtest") // the path of a socket must be short
	if err != nil {
		return Server{}, nil, err
	}
	as, err := notRoot(dir)
	if err != nil {
		return Server{}, nil, err
	}
	s := Server{Host: at.Host, Port: at.Port, User: "master", Password: "p:w\\ 'x"}
	secret, data := filepath.Join(dir, "secret"), filepath.Join(dir, "data")
	if err := os.WriteFile(secret, []byte(s.Password+"\n"), 0o644); err != nil {
		return Server{}, nil, err
	}
	init := exec.Command(initdb, "-D", data, "-U", s.User, "--pwfile="+secret, "--auth=scram-sha-256", "--no-sync", "--locale=C", "-E", "UTF8")
	init.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := init.CombinedOutput(); err != nil {
		return Server{}, nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := writeCertificate(data, as); err != nil {
		return Server{}, nil, err
	}
	var log bytes.Buffer
	run := exec.Command(postgres, "-D", data, "-p", strconv.Itoa(int(s.Port)), "-k", dir, "-c", "listen_addresses="+s.Host, "-c", "fsync=off", "-c", "ssl=on")
	run.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	run.Stderr = &log
	if err := run.Start(); err != nil {
		return Server{}, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	for {
		conn, err := s.connect(context.Background(), "postgres")
		if err == nil {
			_ = conn.Close(context.Background())
			return s, func() {
				_ = run.Process.Signal(syscall.SIGINT) // a fast shutdown
				<-ended
				os.RemoveAll(dir)
			}, nil
		}
		select {
		case end := <-ended:
			return Server{}, nil, fmt.Errorf("the server ended: %w\n%s", end, log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// writeCertificate makes one that nobody has signed, as good as that of RDS to somebody
// who does not know Amazon's authority.
func writeCertificate(data string, as *syscall.Credential) error {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rds"}, NotAfter: time.Now().Add(24 * time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, of, of, &secret.PublicKey, secret)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: signed},
		"server.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
		if as != nil {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}

func program(t *testing.T, name string) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("this test needs a PostgreSQL server's programs, and there is no %s here", name)
	}
	return path
}

// notRoot is who runs the server, which refuses to run as root.
func notRoot(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

// freeAddress is a host and a port where nobody listens.
func freeAddress(t *testing.T) Server {
	t.Helper()
	host := loopback.Host()
	port, err := strconv.ParseInt(loopback.FreePort(t, host), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return Server{Host: host, Port: int32(port)}
}

// sql runs statements in a database.
func (s Server) sql(t *testing.T, database string, statements ...string) {
	t.Helper()
	conn, err := s.connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, one := range statements {
		if err := run(t.Context(), conn, one); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
	}
}

// ask returns the rows of a query, one a line.
func (s Server) ask(t *testing.T, database, query string) string {
	t.Helper()
	conn, err := s.connect(t.Context(), database)
	if err != nil {
		return "cannot connect: " + err.Error()
	}
	defer conn.Close(context.Background())
	found, err := rows(t.Context(), conn, query)
	if err != nil {
		return "cannot ask: " + err.Error()
	}
	return strings.Join(found, "\n")
}

// databases lists those that are there.
func (s Server) databases(t *testing.T) string {
	t.Helper()
	return strings.ReplaceAll(s.ask(t, "postgres", "SELECT datname FROM pg_database ORDER BY 1"), "\n", " ")
}
