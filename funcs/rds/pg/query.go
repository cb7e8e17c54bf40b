package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// rows runs a query and returns the first column of its rows.
func rows(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([]string, error) {
	params := make([][]byte, len(args))
	for i, a := range args {
		params[i] = []byte(a)
	}
	result := conn.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, clean(result.Err)
	}
	var column []string
	for _, row := range result.Rows {
		column = append(column, string(row[0]))
	}
	return column, nil
}

// run runs statements in one transaction, or as they are if there is one only.
func run(ctx context.Context, conn *pgconn.PgConn, sql ...string) error {
	_, err := conn.Exec(ctx, strings.Join(sql, ";\n")).ReadAll()
	return clean(err)
}

// clean leaves out of an error what may be data of the user: the detail, and the place
// in a statement.
func clean(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err
	}
	return &sqlError{text: fmt.Sprintf("%s: %s (SQLSTATE %s)", refused.Severity, refused.Message, refused.Code), state: refused.Code}
}

// sqlError is what a server refused.
type sqlError struct{ text, state string }

func (e *sqlError) Error() string { return e.text }

// stateOf is the SQLSTATE of an error, "" if it is not the server's.
func stateOf(err error) string {
	var e *sqlError
	if errors.As(err, &e) {
		return e.state
	}
	return ""
}

// quote writes a name as SQL wants it.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
