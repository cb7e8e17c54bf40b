package run

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// forms are the ways in which a secret is written into text.
func forms(value string) []string {
	all := []string{value, strings.TrimSpace(value)}
	quoted := jsonText(value)
	all = append(all, quoted, jsonText(quoted), jsonHTML(value), jsonText(jsonHTML(value)), goText(value))
	all = append(all, shellForms(value)...)
	all = append(all, urlForms(value)...)
	all = append(all, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))))
	for _, inner := range []string{value, quoted, jsonHTML(value), base64.StdEncoding.EncodeToString([]byte(value))} {
		all = append(all, base64Forms(inner)...)
	}
	return append(all, lines(value)...)
}

// lines are those of a value with several, since a log is written line by line.
func lines(value string) []string {
	var long []string
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= minSecretLine && line != value {
			long = append(long, line)
		}
	}
	return long
}

// jsonText is the inside of the JSON string, with < > & as they are.
func jsonText(value string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Encoding a string into memory does not fail.
	_ = enc.Encode(value)
	text := strings.TrimSuffix(b.String(), "\n")
	return text[1 : len(text)-1]
}

// jsonHTML is the inside of the JSON string with < > & escaped, as Go writes it by default.
func jsonHTML(value string) string {
	text, _ := json.Marshal(value) // encoding a string does not fail
	return string(text[1 : len(text)-1])
}

// goText is the inside of the string as Go quotes it, in messages of %q.
func goText(value string) string {
	text := strconv.Quote(value)
	return text[1 : len(text)-1]
}

// shellForms are the inside of '…' in a shell script, in the two ways of getting a ' into
// it, and what `printf %q` makes of it.
func shellForms(value string) []string {
	return []string{strings.ReplaceAll(value, "'", `'\''`), strings.ReplaceAll(value, "'", `'"'"'`), backslashed(value)}
}

// backslashed has a backslash before all that a shell may read in its own way.
func backslashed(value string) string {
	var b strings.Builder
	for _, c := range value {
		if strings.ContainsRune(" \t!\"#$&'()*,;<>?[\\]^`{|}~", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// urlForms are the value in a query and in a path of a URL, with digits of both cases, and
// once more escaped, as where a URL is part of another.
func urlForms(value string) []string {
	query, path := url.QueryEscape(value), url.PathEscape(value)
	return []string{
		query, path, lowerEscapes(query), lowerEscapes(path),
		strings.ReplaceAll(query, "+", "%20"), url.QueryEscape(query),
	}
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}

// base64Forms are those of the value and of any text that has the value inside: by where
// it begins in it, there are three. What depends on its neighbours is left out: a
// character at either end.
func base64Forms(value string) []string {
	all := []string{base64.StdEncoding.EncodeToString([]byte(value)), base64.URLEncoding.EncodeToString([]byte(value))}
	for shift := range 3 {
		bits := 8 * (shift + len(value))
		from, to := (8*shift+5)/6, bits/6
		if to-from < minSecret {
			continue
		}
		shifted := append(make([]byte, shift), value...)
		all = append(all, base64.RawStdEncoding.EncodeToString(shifted)[from:to], base64.RawURLEncoding.EncodeToString(shifted)[from:to])
	}
	return all
}
