// Package pg dumps the databases of a PostgreSQL server, and loads such dumps. It runs
// where the server can be reached: in a pod of the tools image, which has pg_dump.
//
// A dump is what Kanister's functions for RDS write: a tar, compressed with gzip, with a
// file backup/NAME.sql for each database, the plain text of `pg_dump --create`.
package pg

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A Server says how to reach one.
type Server struct {
	Host     string `json:"host"`
	Port     int32  `json:"port,omitempty"` // 0: 5432
	User     string `json:"user"`
	Password string `json:"password"`
}

const defaultPort = 5432

func (s Server) port() int32 { return cmp.Or(s.Port, defaultPort) }

func (s Server) String() string {
	return "PostgreSQL server " + net.JoinHostPort(s.Host, strconv.Itoa(int(s.port())))
}

// maintenance are the databases from which others are worked on, in the order in which
// they are tried. Nobody can make a database while somebody is in template1.
var maintenance = []string{"postgres", "template1"}

// connectLimit bounds the time for a connection.
const connectLimit = 30 * time.Second

// sslMode asks for TLS, which every server of RDS has, without checking by whom its
// certificate is signed: Amazon's authority for RDS is none that images know.
const sslMode = "require"

// connect connects to a database.
func (s Server) connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s.Host)
	cfg, err := pgconn.ParseConfig(fmt.Sprintf("host='%s' port=%d sslmode=%s", quoted, s.port(), sslMode))
	if err != nil {
		return nil, err
	}
	cfg.User, cfg.Password, cfg.Database = s.User, s.Password, database
	cfg.RuntimeParams = map[string]string{"application_name": "rescue", "client_encoding": "UTF8"}
	cfg.ConnectTimeout = connectLimit
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %s, database %s: %w", s, database, clean(err))
	}
	return conn, nil
}

// connectMaintenance connects to a database that is on every server, and is none of
// those to be left alone.
func (s Server) connectMaintenance(ctx context.Context, but ...string) (*pgconn.PgConn, error) {
	var first error
	for _, name := range maintenance {
		if slices.Contains(but, name) {
			continue
		}
		conn, err := s.connect(ctx, name)
		if err == nil {
			return conn, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}
