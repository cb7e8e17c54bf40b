package awstest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A Form holds the parameters of a request as the query protocols write them: lists
// are Name.1, Name.2, and the fields of their elements Name.1.Field.
type Form url.Values

// Get returns a parameter, "" if it is not there.
func (f Form) Get(name string) string { return url.Values(f).Get(name) }

// Has tells whether a parameter is there.
func (f Form) Has(name string) bool { return url.Values(f).Has(name) }

// Int returns a parameter that is a number, 0 if it is not there.
func (f Form) Int(name string) (int32, error) {
	if !f.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseInt(f.Get(name), 10, 32)
	if err != nil {
		return 0, &Error{Code: "InvalidParameterValue", Message: fmt.Sprintf("Value (%s) for parameter %s is invalid.", f.Get(name), name)}
	}
	return int32(n), nil
}

// Bool returns a parameter that is true or false, false if it is not there.
func (f Form) Bool(name string) bool { return f.Get(name) == "true" }

// List returns the texts Name.1, Name.2 and so on.
func (f Form) List(name string) []string {
	var texts []string
	for i := 1; f.Has(fmt.Sprintf("%s.%d", name, i)); i++ {
		texts = append(texts, f.Get(fmt.Sprintf("%s.%d", name, i)))
	}
	return texts
}

// Forms returns the structures Name.1, Name.2 and so on.
func (f Form) Forms(name string) []Form {
	var forms []Form
	for i := 1; ; i++ {
		prefix, one := fmt.Sprintf("%s.%d.", name, i), Form{}
		for key, values := range f {
			if field, ok := strings.CutPrefix(key, prefix); ok {
				one[field] = values
			}
		}
		if len(one) == 0 {
			return forms
		}
		forms = append(forms, one)
	}
}

// Tags reads a list of tags: Tag in EC2, Tags.Tag in RDS.
func (f Form) Tags(name string) map[string]string {
	tags := map[string]string{}
	for _, t := range f.Forms(name) {
		tags[t.Get("Key")] = t.Get("Value")
	}
	return tags
}

// Page cuts the page out of a list that a token and a size ask for, 0 for no size, and
// returns the token of the next page, "" after the last.
func Page[T any](all []T, token string, size int32) (page []T, next string, err error) {
	start := 0
	if token != "" {
		if start, err = strconv.Atoi(strings.TrimPrefix(token, "from-")); err != nil || start > len(all) {
			return nil, "", &Error{Code: "InvalidPaginationToken", Message: "The pagination token is not valid.", Status: http.StatusBadRequest}
		}
	}
	end := len(all)
	if size > 0 && start+int(size) < end {
		end = start + int(size)
		next = fmt.Sprintf("from-%d", end)
	}
	return all[start:end], next, nil
}
