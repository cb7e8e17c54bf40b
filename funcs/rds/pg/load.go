package pg

import (
	"archive/tar"
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Loaded says what was loaded.
type Loaded struct {
	Databases []string `json:"databases"`
	// Skipped are databases of the dump that hold nothing.
	Skipped []string `json:"skipped,omitempty"`
	// Warnings are statements that the server refused and that do not touch the data,
	// and databases that are left over.
	Warnings []string `json:"warnings,omitempty"`
}

// Load puts the databases of an archive in the place of those of their names. Each is
// loaded into a new database first. Only when all of them are complete, one transaction
// gives them their names, and then the old ones are dropped. When anything fails before
// that, the server has the databases that it had.
//
// What a dead process has left, databases named rescue_new_… and rescue_old_…, goes
// with the next load of the same databases.
func Load(ctx context.Context, server Server, in io.Reader) (_ Loaded, err error) {
	l := &loader{server: server}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.dropNew(context.WithoutCancel(ctx)))
		}
	}()
	if l.version, err = server.version(ctx); err != nil {
		return Loaded{}, err
	}
	if err := eachDump(in, func(r io.Reader) error { return l.load(ctx, r) }); err != nil {
		return Loaded{}, err
	}
	if err := l.swap(ctx); err != nil {
		return Loaded{}, err
	}
	return l.done, nil
}

// version is the server's version as a number, such as 150004 for 15.4.
func (s Server) version(ctx context.Context) (int, error) {
	conn, err := s.connectMaintenance(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // nothing is lost with it
	shown, err := rows(ctx, conn, "SELECT current_setting('server_version_num')")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(shown[0])
}

// eachDump calls load for each dump in the archive.
func eachDump(in io.Reader, load func(io.Reader) error) error {
	plain, err := unzip(in)
	if err != nil {
		return err
	}
	archive, found := tar.NewReader(plain), false
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF) && !found:
			return errors.New("the archive holds no dump of a database")
		case errors.Is(err, io.EOF):
			// What follows must be read, so that the writer at the other end is not cut off.
			_, err = io.Copy(io.Discard, plain)
			return err
		case err != nil:
			return fmt.Errorf("the archive is damaged or not one of Rescue's or Kanister's: %w", err)
		case h.Typeflag != tar.TypeReg || !strings.HasSuffix(h.Name, ".sql"):
			continue
		}
		found = true
		if err := load(archive); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimPrefix(h.Name, directory), err)
		}
	}
}

// unzip reads what may be compressed.
func unzip(in io.Reader) (io.Reader, error) {
	r := bufio.NewReader(in)
	head, err := r.Peek(2)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the archive is empty")
	case err != nil:
		return nil, err
	case head[0] == 0x1f && head[1] == 0x8b:
		return gzip.NewReader(r)
	}
	return r, nil
}

// loader loads databases under names of its own.
type loader struct {
	server  Server
	version int
	loaded  []string // the names that the databases will have
	done    Loaded
}

// newName and oldName are the names that a database has before it takes its own, and
// after another one took it.
func newName(database string) string { return "rescue_new_" + short(database) }
func oldName(database string) string { return "rescue_old_" + short(database) }

func short(database string) string {
	sum := sha256.Sum256([]byte(database))
	return hex.EncodeToString(sum[:6])
}

// load loads one dump.
func (l *loader) load(ctx context.Context, in io.Reader) error {
	conn, err := l.server.connectMaintenance(ctx)
	if err != nil {
		return err
	}
	one := &loading{loader: l, conn: conn, script: newScript(in)}
	defer func() { _ = one.conn.Close(context.WithoutCancel(ctx)) }() // after an error, or with nothing to lose
	for !one.skip {
		err := one.step(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	return one.end(ctx)
}

// loading is a dump on its way into its database.
type loading struct {
	*loader
	conn      *pgconn.PgConn
	script    *script
	name      string // of the dumped database, "" as long as it is not known
	connected bool   // to the new database
	data      bool   // it holds some
	skip      bool
}

// step takes the next piece of the dump.
func (l *loading) step(ctx context.Context) error {
	what, text, err := l.script.next()
	if err != nil {
		return err
	}
	switch what {
	case meta:
		return l.meta(ctx, text)
	case copyIn:
		return l.copyIn(ctx, text)
	}
	return l.statement(ctx, text)
}

// meta takes a line for psql. pg_dump writes few of them, and all others could do
// anything.
func (l *loading) meta(ctx context.Context, line string) error {
	command, _, _ := strings.Cut(line, " ")
	switch command {
	case `\connect`:
		return l.connect(ctx)
	case `\restrict`, `\unrestrict`, `\encoding`:
		return nil // the texts here are UTF-8, and nothing is run but SQL
	}
	return fmt.Errorf("the dump has the line %s, which pg_dump does not write: it is refused", command)
}

// connect goes to the new database, where all of its content belongs.
func (l *loading) connect(ctx context.Context) error {
	if l.name == "" {
		return errNoCreate
	}
	conn, err := l.server.connect(ctx, newName(l.name))
	if err != nil {
		return err
	}
	_ = l.conn.Close(ctx) // it is not needed any more
	l.conn, l.connected = conn, true
	// The renaming at the end writes everything to disk.
	return run(ctx, conn, "SET synchronous_commit = off")
}

var errNoCreate = errors.New("the dump does not create its database: it must be made with pg_dump --create")

// statement runs a statement.
func (l *loading) statement(ctx context.Context, sql string) error {
	if createDatabase.MatchString(sql) && !l.connected {
		return l.create(ctx, sql)
	}
	if !l.connected && holdsData(sql) {
		return errNoCreate
	}
	if strings.EqualFold(sql, "SET standard_conforming_strings = off") {
		return errors.New("the dump was made with standard_conforming_strings = off, which is not supported")
	}
	l.data = l.data || holdsData(sql)
	return l.try(ctx, renamed(sql, l.name, newName(l.name)))
}

// create makes the new database.
func (l *loading) create(ctx context.Context, sql string) error {
	l.name = databaseOf(sql)
	switch l.name {
	case "":
		return fmt.Errorf("the name of the database is not understood: %s", describe(sql))
	case "template0", "template1", "rdsadmin":
		// Kanister dumps template1 as well. Every server has its own.
		l.skip = true
		return nil
	}
	if slices.Contains(l.loaded, l.name) {
		return fmt.Errorf("the archive has database %s twice", l.name)
	}
	if err := l.tidy(ctx); err != nil {
		return err
	}
	l.loaded = append(l.loaded, l.name)
	sql = olderServer(renamed(sql, l.name, newName(l.name)), l.version)
	if err := run(ctx, l.conn, sql); err != nil {
		return fmt.Errorf("make a database to load %s into: %w", l.name, err)
	}
	return nil
}

// tidy drops what a dead process has left.
func (l *loading) tidy(ctx context.Context) error {
	if err := drop(ctx, l.conn, newName(l.name)); err != nil {
		return err
	}
	there, err := exists(ctx, l.conn, l.name)
	if err != nil || !there {
		return err // without the database, the old one would be the only one
	}
	return drop(ctx, l.conn, oldName(l.name))
}

// try runs a statement, and excuses what does not touch the data.
func (l *loading) try(ctx context.Context, sql string) error {
	err := run(ctx, l.conn, sql)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return cmp.Or(context.Cause(ctx), ctx.Err())
	case excused(sql, err):
		l.warn("%s: %s: %v", l.name, describe(sql), err)
		return nil
	}
	return fmt.Errorf("%s: %w", describe(sql), err)
}

// warningLimit keeps a dump full of owners that are not there from flooding the log.
const warningLimit = 50

func (l *loader) warn(format string, args ...any) {
	if len(l.done.Warnings) < warningLimit {
		l.done.Warnings = append(l.done.Warnings, fmt.Sprintf(format, args...))
	}
}

func (l *loading) copyIn(ctx context.Context, sql string) error {
	if !l.connected {
		return errNoCreate
	}
	l.data = true
	if _, err := l.conn.CopyFrom(ctx, l.script.data(), sql); err != nil {
		if ctx.Err() != nil {
			return cmp.Or(context.Cause(ctx), ctx.Err())
		}
		return fmt.Errorf("%s: %w", describe(sql), clean(err))
	}
	return nil
}

// end checks that the dump was one. The database postgres is on every server, and
// seldom holds anything: then the one that is there stays.
func (l *loading) end(ctx context.Context) error {
	switch {
	case l.skip:
		l.done.Skipped = append(l.done.Skipped, l.name)
		return nil
	case l.name == "" || !l.connected:
		return errNoCreate
	case slices.Contains(maintenance, l.name) && !l.data:
		l.done.Skipped = append(l.done.Skipped, l.name)
		l.loaded = slices.DeleteFunc(l.loaded, func(n string) bool { return n == l.name })
		return l.dropEmpty(ctx)
	}
	return nil
}

// dropEmpty drops the new database; nobody can drop the one that he is in.
func (l *loading) dropEmpty(ctx context.Context) error {
	conn, err := l.server.connectMaintenance(ctx)
	if err != nil {
		return err
	}
	_ = l.conn.Close(ctx) // it is not needed any more
	l.conn = conn
	return drop(ctx, conn, newName(l.name))
}
