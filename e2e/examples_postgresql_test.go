//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs"
)

// startPostgres does what the image of the example does when it starts.
const startPostgres = `
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password
  initdb -D "$PGDATA" -U postgres --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --locale=C -E UTF8
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off
`

// Names and contents are such as dumps trip over.
const fillPostgres = `
export PGHOST=/tmp PGUSER=postgres
psql -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE app LOGIN PASSWORD 'x''y';
CREATE ROLE "odd ""role" NOLOGIN;
GRANT "odd ""role" TO app;
CREATE DATABASE shop OWNER app;
CREATE DATABASE "odd ""name" OWNER "odd ""role";
COMMENT ON DATABASE shop IS 'the shop';
ALTER DATABASE shop SET work_mem = '8MB';
CREATE TABLE in_postgres (n int);
INSERT INTO in_postgres VALUES (1);
\connect shop
CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, raw bytea, made timestamptz DEFAULT '2026-01-02 03:04:05+00');
INSERT INTO item (name, raw) SELECT 'item ' || i, decode(md5(i::text), 'hex') FROM generate_series(1, 5000) i;
CREATE TABLE sale (item int REFERENCES item, price numeric);
INSERT INTO sale SELECT i, i / 7.0 FROM generate_series(1, 5000) i;
CREATE FUNCTION total() RETURNS numeric LANGUAGE sql AS 'SELECT sum(price) FROM public.sale';
CREATE MATERIALIZED VIEW totals AS SELECT public.total();
SELECT lo_from_bytea(0, decode('00ff10', 'hex'));
GRANT SELECT ON item TO "odd ""role";
SQL
psql -qX -v ON_ERROR_STOP=1 -d 'odd "name' <<'SQL'
CREATE TABLE "odd table" (t text);
INSERT INTO "odd table" VALUES (E'line\nbreak \\connect tab\t and ''quotes'''), (NULL);
SQL
`

func TestExamplePostgreSQL(t *testing.T) {
	t.Parallel()
	e := newExample(t, "postgresql", server{postgresImage(), []string{"bash", "-euc", startPostgres}})
	e.options = append(e.options, "image="+postgresImage(), "host="+e.address())
	e.exec(0, fillPostgres)
	// A dump says everything about a cluster, but with a random word against tampering.
	fingerprint := func() string {
		return e.exec(0, `pg_dumpall -h /tmp -U postgres | grep -v -e '^\\restrict' -e '^\\unrestrict'`)
	}
	e.survives(10000, fingerprint, func() {
		e.exec(0, `
			export PGHOST=/tmp PGUSER=postgres
			psql -qX -v ON_ERROR_STOP=1 -c 'DROP DATABASE shop' -c 'DROP TABLE in_postgres'
			psql -qX -v ON_ERROR_STOP=1 -d 'odd "name' -c 'DROP TABLE "odd table"' -c 'CREATE TABLE younger (n int)'
			psql -qX -v ON_ERROR_STOP=1 -c 'DROP ROLE app'`)
		e.session("SELECT pg_sleep(3600)")
	})
}

// session leaves a query running, as an application that is not stopped does: it keeps its
// database from being dropped. Not as a process of the server's container that nobody
// waits for: PostgreSQL, which is the first process there, would take its end for a crash.
func (e *example) session(query string) {
	e.t.Helper()
	ctx, cancel := context.WithCancel(e.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// The restore ends it.
		_ = e.env.Exec.Exec(ctx, funcs.ExecOptions{
			Namespace: e.env.Namespace, Pod: e.name + "-0",
			Command: []string{"psql", "-X", "-h", "/tmp", "-U", "postgres", "-d", `odd "name`, "-c", query},
		})
	}()
	e.t.Cleanup(func() { cancel(); <-ended })
	e.exec(0, `until [ "$(psql -qXAt -h /tmp -U postgres -c "SELECT count(*) FROM pg_stat_activity WHERE query = '`+query+`'")" = 1 ]; do sleep 0.2; done`)
}

// A server that refuses makes a failed run, and no artifact that a restore would trust.
func TestExamplePostgreSQLWrongPassword(t *testing.T) {
	t.Parallel()
	e := newExample(t, "postgresql", server{postgresImage(), []string{"bash", "-euc", startPostgres}})
	e.options = append(e.options, "image="+postgresImage(), "host="+e.address(), "user=nobody")
	if talk := e.fails("backup"); !strings.Contains(talk, "password authentication failed") {
		t.Errorf("the error does not say why:\n%s", talk)
	}
	e.nothingLeft()
}
