package pg

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pieces takes a script apart: statements as they are, lines for psql, and COPY with its
// data behind an arrow.
func pieces(text string) (all []string, err error) {
	s := newScript(strings.NewReader(text))
	for {
		what, piece, err := s.next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if what == copyIn {
			data, err := io.ReadAll(s.data())
			if err != nil {
				return all, err
			}
			piece += " <- " + string(data)
		}
		all = append(all, piece)
	}
}

func TestScript(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", " \n-- a comment\n/* and /* another */ ; */\n;\n", nil},
		{"statements", "SELECT 1;\n\nSELECT 2 ; SELECT 3;", []string{"SELECT 1", "SELECT 2", "SELECT 3"}},
		{"text", "SELECT 'a;''b;', \"c;\"\"d;\";SELECT 2;", []string{`SELECT 'a;''b;', "c;""d;"`, "SELECT 2"}},
		{"backslash in a text", `SELECT 'a\';SELECT ';';`, []string{`SELECT 'a\'`, `SELECT ';'`}},
		{"escapes", `SELECT E'a\';b', e'\\';SELECT some'\';`, []string{`SELECT E'a\';b', e'\\'`, `SELECT some'\'`}},
		{"dollars", "SELECT $$a;$b$;$$, $x$;$$;$x$, $1;SELECT a$b$c;", []string{"SELECT $$a;$b$;$$, $x$;$$;$x$, $1", "SELECT a$b$c"}},
		{"parentheses", "CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT ')');", []string{"CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT ')')"}},
		{"function", "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\nSELECT 3;",
			[]string{"CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3"}},
		{"begin elsewhere", "BEGIN; SELECT 1; END;", []string{"BEGIN", "SELECT 1", "END"}},
		{"comments within", "SELECT 1 -- ;\n, /* ; */ 2;", []string{"SELECT 1 \n,   2"}},
		{"for psql", "\\restrict x;y\nSELECT 1;\n\\connect \"a\"\n", []string{`\restrict x;y`, "SELECT 1", `\connect "a"`}},
		{"copy", "COPY t (a) FROM stdin;\n1;'\n\\.x\n\\connect\n\\.\nSELECT 1;", []string{"COPY t (a) FROM stdin <- 1;'\n\\.x\n\\connect\n", "SELECT 1"}},
		{"empty copy", "COPY t FROM stdin;\n\\.\n", []string{"COPY t FROM stdin <- "}},
		{"copy to", "COPY t TO 'x';SELECT 1;", []string{"COPY t TO 'x'", "SELECT 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := pieces(tc.text)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("error %v, pieces (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, cut := range []string{"SELECT 1", "SELECT 'a", `SELECT "a`, "SELECT $$a", "/* a", "SELECT /* a", "COPY t FROM stdin;\n1\n", "SELECT (1;"} {
		if got, err := pieces(cut); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: pieces %q, error %v", cut, got, err)
		}
	}
}

// FuzzScript: every script is taken apart without an endless loop, and what was taken
// apart is taken apart the same way again.
func FuzzScript(f *testing.F) {
	for _, seed := range append(shop, "COPY t FROM stdin;\n1\n\\.\n", "\\connect x\n", "SELECT E'\\'';", "/* /* */ */ ;") {
		f.Add(seed + ";")
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newScript(strings.NewReader(text))
		for {
			what, piece, err := s.next()
			if err != nil {
				return
			}
			if what != statement {
				continue
			}
			again, err := pieces(piece + ";")
			if err != nil || len(again) != 1 || again[0] != piece {
				t.Fatalf("%q became %q, error %v", piece, again, err)
			}
		}
	})
}

func TestRenamed(t *testing.T) {
	for sql, want := range map[string]string{
		`CREATE DATABASE shop WITH TEMPLATE = template0`:     `CREATE DATABASE "new" WITH TEMPLATE = template0`,
		`ALTER DATABASE "shop" OWNER TO app`:                 `ALTER DATABASE "new" OWNER TO app`,
		`GRANT CONNECT,TEMPORARY ON DATABASE shop TO app`:    `GRANT CONNECT,TEMPORARY ON DATABASE "new" TO app`,
		`ALTER ROLE "a b" IN DATABASE shop SET x TO 'shop'`:  `ALTER ROLE "a b" IN DATABASE "new" SET x TO 'shop'`,
		`COMMENT ON DATABASE shop IS 'DATABASE shop'`:        `COMMENT ON DATABASE "new" IS 'DATABASE shop'`,
		`ALTER DATABASE other OWNER TO shop`:                 `ALTER DATABASE other OWNER TO shop`,
		`INSERT INTO t VALUES ('ALTER DATABASE shop')`:       `INSERT INTO t VALUES ('ALTER DATABASE shop')`,
		`COMMENT ON TABLE t IS 'GRANT ALL ON DATABASE shop'`: `COMMENT ON TABLE t IS 'GRANT ALL ON DATABASE shop'`,
	} {
		if got := renamed(sql, "shop", "new"); got != want {
			t.Errorf("%s became %s, want %s", sql, got, want)
		}
	}
}

func TestOlderServer(t *testing.T) {
	const sql = `CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'en_US.UTF-8'`
	for version, want := range map[int]string{
		150001: sql,
		140000: `CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'en_US.UTF-8'`,
		120000: `CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8' LC_COLLATE = 'en_US.UTF-8' LC_CTYPE = 'en_US.UTF-8'`,
	} {
		if got := olderServer(sql, version); got != want {
			t.Errorf("for %d: %s", version, got)
		}
	}
}

// TestDescribeShowsNoData: what goes into errors and logs.
func TestDescribeShowsNoData(t *testing.T) {
	for sql, want := range map[string]string{
		"INSERT INTO t VALUES (1, 'secret')":           "INSERT INTO t …",
		"INSERT INTO t (a) values\n('secret')":         "INSERT INTO t (a) …",
		"ALTER TABLE t OWNER TO app":                   "ALTER TABLE t OWNER TO app",
		"CREATE TABLE t (\n a text DEFAULT 'secret' )": "CREATE TABLE t ( …",
	} {
		if got := describe(sql); got != want {
			t.Errorf("%q became %q, want %q", sql, got, want)
		}
	}
}
