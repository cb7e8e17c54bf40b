package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// swapTries is how often the sessions of a database are ended until nobody has come
	// back before the database got its other name.
	swapTries = 100
	swapPause = 100 * time.Millisecond
	// dropLimit bounds the removal of half loaded databases.
	dropLimit = time.Minute
)

// swap gives all new databases their names, in one transaction, and drops the old ones.
func (l *loader) swap(ctx context.Context) error {
	if len(l.loaded) == 0 {
		return nil
	}
	conn, err := l.server.connectMaintenance(ctx, l.loaded...)
	if err != nil {
		return fmt.Errorf("a database to work from, that is not itself restored: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // nothing is lost with it
	old, renames, err := l.renames(ctx, conn)
	if err != nil {
		return err
	}
	if err := l.retry(ctx, conn, renames); err != nil {
		return fmt.Errorf("give the loaded databases their names: %w", explainSwap(err))
	}
	l.done.Databases, l.loaded = l.loaded, nil
	for _, name := range old {
		if err := drop(ctx, conn, name); err != nil {
			l.warn("the old database is left as %s, drop it by hand: %v", name, err)
		}
	}
	return nil
}

// renames are the statements of the swap, and the names of what will be old.
func (l *loader) renames(ctx context.Context, conn *pgconn.PgConn) (old, sql []string, err error) {
	sql = []string{"BEGIN"}
	for _, name := range l.loaded {
		there, err := exists(ctx, conn, name)
		if err != nil {
			return nil, nil, err
		}
		if there {
			old = append(old, oldName(name))
			sql = append(sql, rename(name, oldName(name)))
		}
		sql = append(sql, rename(newName(name), name))
	}
	return old, append(sql, "COMMIT"), nil
}

func rename(from, to string) string {
	return fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", quote(from), quote(to))
}

// retry runs the transaction as soon as nobody is in the databases.
func (l *loader) retry(ctx context.Context, conn *pgconn.PgConn, sql []string) error {
	for try := 1; ; try++ {
		for _, name := range l.loaded {
			if err := disconnect(ctx, conn, name, newName(name)); err != nil {
				return err
			}
		}
		err := run(ctx, conn, sql...)
		if err == nil {
			return nil
		}
		// The error of the transaction is what counts; without this the next one fails.
		_ = run(context.WithoutCancel(ctx), conn, "ROLLBACK")
		if stateOf(err) != objectInUse || try == swapTries {
			return err
		}
		if err := sleep(ctx, swapPause); err != nil {
			return err
		}
	}
}

// States of errors.
const (
	objectInUse           = "55006"
	insufficientPrivilege = "42501"
)

func explainSwap(err error) error {
	switch stateOf(err) {
	case objectInUse:
		return fmt.Errorf("%w\nto go on: stop the applications that use the databases, they come back as soon as they are disconnected", err)
	case insufficientPrivilege:
		return fmt.Errorf("%w\nto go on: the user must own the databases that are there, or be a member of the role that does", err)
	}
	return err
}

// disconnect ends the sessions in databases. The server may refuse that for some, which
// shows when the database is to be renamed.
func disconnect(ctx context.Context, conn *pgconn.PgConn, databases ...string) error {
	for _, name := range databases {
		_, err := rows(ctx, conn, "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name)
		if err != nil && stateOf(err) != insufficientPrivilege {
			return err
		}
	}
	return nil
}

func exists(ctx context.Context, conn *pgconn.PgConn, database string) (bool, error) {
	found, err := rows(ctx, conn, "SELECT 1::text FROM pg_database WHERE datname = $1", database)
	return len(found) > 0, err
}

// drop drops a database, if it is there.
func drop(ctx context.Context, conn *pgconn.PgConn, database string) error {
	for try := 1; ; try++ {
		if err := disconnect(ctx, conn, database); err != nil {
			return err
		}
		err := run(ctx, conn, "DROP DATABASE IF EXISTS "+quote(database))
		if err == nil || stateOf(err) != objectInUse || try == swapTries {
			return err
		}
		if err := sleep(ctx, swapPause); err != nil {
			return err
		}
	}
}

// dropNew drops the databases that were not finished.
func (l *loader) dropNew(ctx context.Context) error {
	if len(l.loaded) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dropLimit)
	defer cancel()
	conn, err := l.server.connectMaintenance(ctx)
	if err != nil {
		return fmt.Errorf("half loaded databases are left, drop those named rescue_new_…: %w", err)
	}
	defer conn.Close(ctx) // nothing is lost with it
	var left []string
	var first error
	for _, name := range l.loaded {
		if err := drop(ctx, conn, newName(name)); err != nil {
			left, first = append(left, newName(name)), cmp.Or(first, err)
		}
	}
	if len(left) > 0 {
		return errors.Join(fmt.Errorf("half loaded databases are left, drop them: %s", strings.Join(left, ", ")), first)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
