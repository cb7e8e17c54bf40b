package pg

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DumpRequest says what to dump.
type DumpRequest struct {
	Server Server `json:"server"`
	// Databases to dump; empty: all but the templates and those of RDS itself.
	Databases []string `json:"databases,omitempty"`
}

// Dumped says what was dumped.
type Dumped struct {
	Databases []string `json:"databases"`
	// Bytes is the size of the plain dumps together.
	Bytes int64 `json:"bytes"`
}

// directory is the folder in the archive, as Kanister names it.
const directory = "backup/"

// Dump writes the archive. A tar has the size of a file before the file, which is known
// only when the database is dumped: each dump waits on the disk in compressed form.
func Dump(ctx context.Context, r DumpRequest, out io.Writer) (Dumped, error) {
	names, err := r.names(ctx)
	if err != nil {
		return Dumped{}, err
	}
	dir, err := os.MkdirTemp("", "rescue-dump-")
	if err != nil {
		return Dumped{}, err
	}
	defer os.RemoveAll(dir) // of a pod that is about to go
	d := &dumper{server: r.Server, dir: dir}
	if err := d.writePassword(); err != nil {
		return Dumped{}, err
	}
	zip := gzip.NewWriter(out)
	archive := tar.NewWriter(zip)
	done := Dumped{Databases: names}
	for _, name := range names {
		n, err := d.add(ctx, archive, name)
		if err != nil {
			return Dumped{}, fmt.Errorf("dump database %s: %w", name, err)
		}
		done.Bytes += n
	}
	return done, errors.Join(archive.Close(), zip.Close())
}

// names are the databases to dump, once each.
func (r DumpRequest) names(ctx context.Context) ([]string, error) {
	conn, err := r.Server.connectMaintenance(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // nothing is lost with it
	all, err := rows(ctx, conn, "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'rdsadmin' ORDER BY 1")
	switch {
	case err != nil:
		return nil, fmt.Errorf("list the databases of %s: %w", r.Server, err)
	case len(all) == 0:
		return nil, fmt.Errorf("%s has no database to dump", r.Server)
	case len(r.Databases) == 0:
		return all, nil
	}
	for _, name := range r.Databases {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%s has no database %q; it has %s", r.Server, name, strings.Join(all, ", "))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(r.Databases))), nil
}

// dumper runs pg_dump.
type dumper struct {
	server Server
	dir    string
}

func (d *dumper) passFile() string { return filepath.Join(d.dir, "pgpass") }

// writePassword puts the password where pg_dump looks for it: a file that only this
// user can read. In the environment and on the command line others might see it.
func (d *dumper) writePassword() error {
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`)
	if strings.ContainsAny(d.server.Password, "\n\r") {
		return errors.New("the password has a line break in it, which PostgreSQL's programs cannot read from a file: is there one too many in the Secret?")
	}
	return os.WriteFile(d.passFile(), []byte("*:*:*:*:"+escape.Replace(d.server.Password)+"\n"), 0o600)
}

func (d *dumper) command(ctx context.Context, name string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "pg_dump", "--create", "--no-password")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") }),
		"PGHOST="+d.server.Host, "PGPORT="+strconv.Itoa(int(d.server.port())), "PGUSER="+d.server.User,
		"PGDATABASE="+name, "PGPASSFILE="+d.passFile(), "PGAPPNAME=rescue", "PGSSLMODE="+sslMode, "PGCLIENTENCODING=UTF8", "LC_ALL=C")
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// add dumps a database into the archive, and returns the size of the plain dump.
func (d *dumper) add(ctx context.Context, archive *tar.Writer, name string) (int64, error) {
	spool, err := os.Create(filepath.Join(d.dir, "dump.gz"))
	if err != nil {
		return 0, err
	}
	defer spool.Close() // read to its end by then, or given up
	size, err := d.spool(ctx, name, spool)
	if err != nil {
		return 0, err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	header := &tar.Header{Name: directory + fileName(name), Mode: 0o600, Size: size, Format: tar.FormatPAX}
	if err := archive.WriteHeader(header); err != nil {
		return 0, err
	}
	zip, err := gzip.NewReader(bufio.NewReader(spool))
	if err != nil {
		return 0, err
	}
	return io.Copy(archive, zip)
}

// fileName is the name of a database's file. Only slashes cannot stand in it; nothing
// reads the name of the database from there.
func fileName(name string) string { return strings.ReplaceAll(name, "/", "_") + ".sql" }

// spool runs pg_dump, and returns the size of what it wrote.
func (d *dumper) spool(ctx context.Context, name string, to io.Writer) (int64, error) {
	cmd := d.command(ctx, name)
	zip, _ := gzip.NewWriterLevel(to, gzip.BestSpeed) // the level is a valid one
	count := &counter{w: zip}
	var talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = count, &talk
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return 0, cmp.Or(context.Cause(ctx), ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return 0, errors.New("the image has no program pg_dump: give the argument image one with Rescue and PostgreSQL's client programs")
	case err != nil:
		return 0, fmt.Errorf("pg_dump: %w: %s", err, advise(talk.String()))
	}
	return count.n, zip.Close()
}

// advise shortens what pg_dump said, and adds what to do about a known trouble.
func advise(talk string) string {
	talk = strings.TrimSpace(talk)
	if len(talk) > 2000 {
		talk = "…" + talk[len(talk)-2000:]
	}
	if strings.Contains(talk, "server version mismatch") {
		talk += "\nto go on: give the argument image a tools image whose pg_dump is at least as new as the server"
	}
	return talk
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
