package pg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// shop makes a database with all that makes a dump hard to read.
var shop = []string{
	`CREATE TABLE item (id serial PRIMARY KEY, name text, raw bytea, price numeric)`,
	`INSERT INTO item (name, raw, price) SELECT 'item ' || n, decode(md5(n::text), 'hex'), n / 7.0 FROM generate_series(1, 1000) n`,
	`INSERT INTO item (name) VALUES (E'a\\b;\n\\.\n\\connect postgres\nDROP TABLE item;--'), ('it''s "x" $$ /*'), (NULL), (''), ('äöü 漢字')`,
	`CREATE FUNCTION body() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 'a;b' ELSE 'c' END; END`,
	`CREATE FUNCTION dollars() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN -- it's
	RETURN $x$;'$$"$x$; END; $f$`,
	`CREATE VIEW dear AS SELECT * FROM item WHERE name LIKE E'%\\b;%'`,
	`CREATE RULE quiet AS ON DELETE TO dear DO INSTEAD (INSERT INTO item (name) VALUES ('r;1'); INSERT INTO item (name) VALUES ('r2'))`,
	`CREATE TABLE "Odd ""Name"";" ("co;l" int)`,
	`INSERT INTO "Odd ""Name"";" VALUES (42)`,
	`COMMENT ON TABLE item IS 'it''s; -- a comment'`,
}

const digest = `SELECT string_agg(md5(t::text), '' ORDER BY id) FROM item t`

func withShop(t *testing.T, name string) (Server, string) {
	t.Helper()
	s := startServer(t)
	s.sql(t, "postgres", "CREATE DATABASE "+quote(name), "ALTER DATABASE "+quote(name)+" SET work_mem = '5MB'",
		"CREATE ROLE app", "GRANT CONNECT ON DATABASE "+quote(name)+" TO app", "COMMENT ON DATABASE "+quote(name)+" IS 'the shop; really'")
	s.sql(t, name, shop...)
	s.sql(t, name, "ALTER TABLE item OWNER TO app", "ALTER ROLE app IN DATABASE "+quote(name)+" SET search_path = x")
	return s, s.ask(t, name, digest)
}

func dump(t *testing.T, s Server, databases ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := Dump(t.Context(), DumpRequest{Server: s, Databases: databases}, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestDumpAndLoad(t *testing.T) {
	for _, name := range []string{"shop", `Sh"op/1 'x`} {
		t.Run(name, func(t *testing.T) {
			s, want := withShop(t, name)
			archive := dump(t, s)
			s.sql(t, name, "DELETE FROM item WHERE id > 10", "INSERT INTO item (name) VALUES ('later')", "DROP VIEW dear")
			done, err := Load(t.Context(), s, bytes.NewReader(archive))
			if err != nil {
				t.Fatal(err)
			}
			if len(done.Databases) != 1 || done.Databases[0] != name || len(done.Skipped) != 1 || len(done.Warnings) != 0 {
				t.Errorf("result %+v", done)
			}
			if got := s.ask(t, name, digest); got != want || len(want) < 10000 {
				t.Errorf("%d bytes of digest, want %d", len(got), len(want))
			}
			for query, want := range map[string]string{
				`SELECT body() || dollars()`:                                                                       `a;b;'$$"`,
				`SELECT count(*)::text FROM dear`:                                                                  "1",
				`SELECT "co;l"::text FROM "Odd ""Name"";"`:                                                         "42",
				`SELECT current_setting('work_mem')`:                                                               "5MB",
				`SELECT obj_description('item'::regclass)`:                                                         "it's; -- a comment",
				`SELECT has_database_privilege('app', current_database(), 'CONNECT')::text`:                        "true",
				`SELECT tableowner FROM pg_tables WHERE tablename = 'item'`:                                        "app",
				`SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()`: "the shop; really",
				`SELECT setconfig[1] FROM pg_db_role_setting WHERE setrole <> 0`:                                   "search_path=x",
				`SELECT nextval('item_id_seq')::text`:                                                              "1006",
			} {
				if got := s.ask(t, name, query); got != want {
					t.Errorf("%s: %q, want %q", query, got, want)
				}
			}
			if got := s.databases(t); strings.Contains(got, "rescue_") {
				t.Errorf("databases left: %s", got)
			}
		})
	}
}

// TestLoadWhatKanisterWrote loads an archive that was made as Kanister's script does it.
func TestLoadWhatKanisterWrote(t *testing.T) {
	s, want := withShop(t, "shop")
	dir := t.TempDir()
	script := `mkdir backup && for db in postgres shop template1; do pg_dump $db -C --inserts > backup/$db.sql; done && tar -zcf out.tar.gz backup`
	cmd := exec.Command("bash", "-o", "errexit", "-c", script)
	cmd.Dir = dir
	d := &dumper{server: s, dir: dir}
	if err := d.writePassword(); err != nil {
		t.Fatal(err)
	}
	cmd.Env = d.command(t.Context(), "shop").Env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive, err := os.ReadFile(dir + "/out.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	s.sql(t, "postgres", "DROP DATABASE shop")
	done, err := Load(t.Context(), s, bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, "shop", digest); got != want || len(done.Skipped) != 2 {
		t.Errorf("result %+v, digests of %d and %d bytes", done, len(got), len(want))
	}
}

// rewrite changes the plain dumps of an archive.
func rewrite(t *testing.T, archive []byte, change func(string) string) []byte {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in, to := tar.NewReader(plain), tar.NewWriter(&out)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(change(string(text)))
		h.Size = int64(len(text))
		if err := to.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestFailedLoadLeavesAllAsItWas damages a dump of two databases in many ways.
func TestFailedLoadLeavesAllAsItWas(t *testing.T) {
	s, _ := withShop(t, "shop")
	s.sql(t, "postgres", "CREATE DATABASE books")
	s.sql(t, "books", "CREATE TABLE book (id int)", "INSERT INTO book VALUES (1)")
	archive := dump(t, s, "books", "shop")
	s.sql(t, "books", "INSERT INTO book VALUES (2)")
	s.sql(t, "shop", "INSERT INTO item (name) VALUES ('later')")
	before, rest := s.databases(t), s.ask(t, "shop", digest)
	for name, tc := range map[string]struct {
		change func(string) string
		want   string
	}{
		"cut in the data":    {func(d string) string { return d[:strings.Index(d, "item 500")] }, "not complete"},
		"cut in a statement": {func(d string) string { return d[:strings.Index(d, "CREATE VIEW")+20] }, "not complete"},
		"a wrong row":        {func(d string) string { return strings.Replace(d, "\titem 7\t", "\titem 7\tx\ty\t", 1) }, "22P04"},
		"a table fails": {func(d string) string {
			return strings.Replace(d, "CREATE TABLE public.item ", "CREATE TABLE nowhere.item ", 1)
		}, "CREATE TABLE nowhere.item"},
		"a command for psql":   {func(d string) string { return strings.Replace(d, "CREATE VIEW", "\\! touch /tmp/x\nCREATE VIEW", 1) }, `\!`},
		"not made with create": {func(d string) string { return d[strings.Index(d, "\\connect"):] }, "--create"},
		"escapes in plain text": {func(d string) string {
			return strings.ReplaceAll(d, "standard_conforming_strings = on", "standard_conforming_strings = off")
		}, "standard_conforming_strings"},
		"twice": {func(d string) string { return strings.Replace(d, "CREATE DATABASE shop", "CREATE DATABASE books", 1) }, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			damaged := rewrite(t, archive, func(d string) string {
				if !strings.Contains(d, "CREATE DATABASE shop") {
					return d
				}
				return tc.change(d)
			})
			_, err := Load(t.Context(), s, bytes.NewReader(damaged))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "shop.sql") {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if got := s.databases(t); got != before {
				t.Errorf("databases %s, want %s", got, before)
			}
			if s.ask(t, "shop", digest) != rest || s.ask(t, "books", "SELECT count(*)::text FROM book") != "2" {
				t.Error("the data have changed")
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		in := &cancelling{Reader: bytes.NewReader(rewrite(t, archive, func(d string) string { return d })), after: 40000, cancel: cancel}
		if _, err := Load(ctx, s, in); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if got := s.databases(t); got != before {
			t.Errorf("databases %s, want %s", got, before)
		}
	})
}

// cancelling cancels when so many bytes were read.
type cancelling struct {
	io.Reader
	after  int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p[:min(len(p), 4096)])
	if c.after -= n; c.after < 0 {
		c.cancel()
	}
	return n, err
}

// TestLoadExcusesOwners loads a dump into a server that lacks its roles.
func TestLoadExcusesOwners(t *testing.T) {
	s, want := withShop(t, "shop")
	archive := dump(t, s)
	s.sql(t, "postgres", "DROP DATABASE shop", "DROP ROLE app")
	done, err := Load(t.Context(), s, bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, "shop", digest); got != want {
		t.Errorf("digests of %d and %d bytes", len(got), len(want))
	}
	all := strings.Join(done.Warnings, "\n")
	for _, part := range []string{"OWNER TO app", "ALTER ROLE app IN DATABASE", "GRANT"} {
		if !strings.Contains(all, part) {
			t.Errorf("no warning about %s in\n%s", part, all)
		}
	}
}

// TestLoadGoesOnAfterACrash has what a dead load left lie around.
func TestLoadGoesOnAfterACrash(t *testing.T) {
	s, want := withShop(t, "shop")
	archive := dump(t, s, "shop")
	s.sql(t, "postgres", "CREATE DATABASE "+newName("shop"), "CREATE DATABASE "+oldName("shop"))
	if _, err := Load(t.Context(), s, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, "shop", digest); got != want {
		t.Errorf("digests of %d and %d bytes", len(got), len(want))
	}
	if got := s.databases(t); strings.Contains(got, "rescue_") {
		t.Errorf("databases left: %s", got)
	}
	// The only database left is never dropped.
	s.sql(t, "postgres", "ALTER DATABASE shop RENAME TO "+oldName("shop"))
	if _, err := Load(t.Context(), s, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	if got := s.databases(t); !strings.Contains(got, oldName("shop")) {
		t.Errorf("databases: %s", got)
	}
}

// TestLoadDisconnectsOthers has a session in the database that is replaced.
func TestLoadDisconnectsOthers(t *testing.T) {
	s, want := withShop(t, "shop")
	archive := dump(t, s, "shop")
	other, err := s.connect(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	if _, err := Load(t.Context(), s, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, "shop", digest); got != want {
		t.Errorf("digests of %d and %d bytes", len(got), len(want))
	}
}

func TestDumpFails(t *testing.T) {
	s, _ := withShop(t, "shop")
	for name, tc := range map[string]struct {
		change func(*DumpRequest)
		want   string
	}{
		"no such database": {func(r *DumpRequest) { r.Databases = []string{"nope"} }, `no database "nope"; it has postgres, shop`},
		"wrong password":   {func(r *DumpRequest) { r.Server.Password = "secret-guess" }, "password authentication failed"},
		"nobody answers": {func(r *DumpRequest) {
			nobody := freeAddress(t)
			r.Server.Host, r.Server.Port = nobody.Host, nobody.Port
		}, "connection refused"},
		"no rights": {func(r *DumpRequest) {
			r.Databases = []string{"shop"}
			s.sql(t, "shop", "CREATE ROLE weak LOGIN PASSWORD 'weak'")
			r.Server.User, r.Server.Password = "weak", "weak"
		}, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			r := DumpRequest{Server: s}
			tc.change(&r)
			_, err := Dump(t.Context(), r, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), r.Server.Password) && r.Server.Password != "weak" {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
