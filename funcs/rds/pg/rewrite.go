package pg

import (
	"regexp"
	"strings"
)

// name is how SQL writes a name.
const name = `("(?:[^"]|"")+"|[^\s";,()]+)`

// aboutDatabase finds the statements of a dump that name their database.
var aboutDatabase = regexp.MustCompile(`(?is)^(?:` + strings.Join([]string{
	`CREATE\s+DATABASE`,
	`ALTER\s+DATABASE`,
	`COMMENT\s+ON\s+DATABASE`,
	`(?:GRANT|REVOKE)\s+[a-z,\s]+\sON\s+DATABASE`,
	`ALTER\s+ROLE\s+(?:"(?:[^"]|"")+"|[^\s"]+)\s+IN\s+DATABASE`,
	`SECURITY\s+LABEL\s+(?:FOR\s+\S+\s+)?ON\s+DATABASE`,
}, "|") + `)\s+` + name)

var createDatabase = regexp.MustCompile(`(?i)^CREATE\s+DATABASE\s`)

// databaseOf is the name of the database that a statement is about, "" if it is about
// none.
func databaseOf(sql string) string {
	if m := aboutDatabase.FindStringSubmatch(sql); m != nil {
		return unquote(m[1])
	}
	return ""
}

func unquote(name string) string {
	if inner, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.ToLower(name)
}

// renamed makes a statement about a database one about another.
func renamed(sql, from, to string) string {
	m := aboutDatabase.FindStringSubmatchIndex(sql)
	if m == nil || unquote(sql[m[2]:m[3]]) != from {
		return sql
	}
	return sql[:m[2]] + quote(to) + sql[m[3]:]
}

var (
	libc   = regexp.MustCompile(`(?i)\s+LOCALE_PROVIDER\s*=\s*libc\b`)
	locale = regexp.MustCompile(`(?i)(\s)LOCALE\s*=\s*('(?:[^']|'')*')`)
)

// Server versions that brought options of CREATE DATABASE, as server_version_num.
const (
	versionLocale         = 130000
	versionLocaleProvider = 150000
)

// olderServer takes out of a CREATE DATABASE what a newer pg_dump writes and an older
// server does not know.
func olderServer(sql string, version int) string {
	if version < versionLocaleProvider {
		sql = libc.ReplaceAllString(sql, "")
	}
	if version < versionLocale {
		sql = locale.ReplaceAllString(sql, "${1}LC_COLLATE = $2 LC_CTYPE = $2")
	}
	return sql
}

// unimportant are statements without which a database holds the same data: owners,
// rights, settings. Roles are not part of a dump, and RDS gives nobody all rights.
var unimportant = regexp.MustCompile(`(?is)^(?:GRANT\s|REVOKE\s|SET\s|COMMENT\s+ON\s+(?:EXTENSION|DATABASE)\s|SECURITY\s+LABEL\s|` +
	`ALTER\s+DEFAULT\s+PRIVILEGES\s|ALTER\s+(?:ROLE|DATABASE)\s|ALTER\s.*\sOWNER\s+TO\s+\S+$)`)

// excused tells whether the load can go on although a statement was refused.
func excused(sql string, err error) bool {
	switch stateOf(err) {
	case "42704", "42501": // undefined object, insufficient privilege
		return unimportant.MatchString(sql)
	case "42P06": // duplicate schema
		return strings.EqualFold(sql, "CREATE SCHEMA public")
	}
	return false
}

var values = regexp.MustCompile(`(?i)\sVALUES\b`)

// describe is the beginning of a statement, without data.
func describe(sql string) string {
	sql, _, cut := strings.Cut(sql, "\n")
	if at := values.FindStringIndex(sql); at != nil {
		sql, cut = sql[:at[0]], true
	}
	if len(sql) > 120 {
		sql, cut = sql[:120], true
	}
	if cut {
		sql += " …"
	}
	return sql
}

var content = regexp.MustCompile(`(?i)^(?:CREATE|INSERT|COPY)\s`)

// holdsData tells whether a statement brings something of the user into a database.
func holdsData(sql string) bool {
	return content.MatchString(sql) && !createDatabase.MatchString(sql) &&
		!strings.HasPrefix(strings.ToUpper(sql), "CREATE EXTENSION ") && !strings.EqualFold(sql, "CREATE SCHEMA public")
}
