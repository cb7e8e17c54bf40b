package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/rescuecue/rescue/compat"
)

// gcsEndpoint is Google's own.
const gcsEndpoint = "https://storage.googleapis.com"

// gcsBucket is a bucket of Google Cloud Storage, by its JSON interface.
//
// Google's own client brings gRPC with its service mesh along: 20 MB of program, and a
// fifth more time for every start. Five kinds of requests do not need that.
type gcsBucket struct {
	patience
	base  string // of addresses
	name  string
	where string // describes the bucket in errors
	chunk int    // of uploads, in bytes
}

// gcsObject is what the server says of an object.
type gcsObject struct {
	Name    string    `json:"name"`
	Size    int64     `json:"size,string"`
	Updated time.Time `json:"updated"`
}

func (o gcsObject) object() Object { return Object{Key: o.Name, Size: o.Size, Modified: o.Updated} }

func openGCS(ctx context.Context, p *compat.Profile) (*gcsBucket, error) {
	l := p.Location
	if l.Bucket == "" {
		return nil, errors.New("the location has no bucket")
	}
	base, err := serviceURL(cmp.Or(l.Endpoint, gcsEndpoint))
	if err != nil {
		return nil, err
	}
	key, err := GCSKeyOf(p)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(p)
	if err != nil {
		return nil, err
	}
	where := "bucket " + l.Bucket
	if l.Endpoint != "" {
		where += " at " + base
	}
	return &gcsBucket{
		patience: patience{client: key.client(ctx, transport), pause: firstPause},
		base:     base, name: l.Bucket, where: where, chunk: gcsChunk,
	}, nil
}

// serviceURL checks the address of a service. It leaves no slash at the end.
func serviceURL(endpoint string) (string, error) {
	u, err := url.Parse(endpointURL(endpoint))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// Not the text itself: there may be a key in it.
		return "", errors.New("the location's endpoint is not an address such as https://HOST")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func (b *gcsBucket) Close() error {
	b.client.CloseIdleConnections()
	return nil
}

// objectURL is the address of an object.
func (b *gcsBucket) objectURL(key string) string {
	return b.base + "/storage/v1/b/" + url.PathEscape(b.name) + "/o/" + url.PathEscape(key)
}

// get sends a request that has no content.
func (b *gcsBucket) request(ctx context.Context, method, address string, headers map[string]string) (*http.Response, error) {
	return b.send(ctx, func() (*http.Request, error) {
		req, err := http.NewRequest(method, address, nil)
		if err != nil {
			return nil, err
		}
		for name, value := range headers {
			req.Header.Set(name, value)
		}
		return req, nil
	})
}

// Get implements Store.
func (b *gcsBucket) Get(ctx context.Context, key string, w io.Writer) (int64, error) {
	return b.GetRange(ctx, key, 0, -1, w)
}

// GetRange implements Blobs.
func (b *gcsBucket) GetRange(ctx context.Context, key string, offset, length int64, w io.Writer) (int64, error) {
	headers := map[string]string{}
	if length >= 0 {
		headers["Range"] = fmt.Sprintf("bytes=%d-%d", offset, offset+max(length, 1)-1)
	}
	resp, err := b.request(ctx, http.MethodGet, b.objectURL(key)+"?alt=media", headers)
	if err := b.check("get", key, resp, err); err != nil {
		return 0, err
	}
	defer resp.Body.Close() // only read from
	if length == 0 {
		return 0, nil
	}
	n, err := io.Copy(w, resp.Body)
	if err != nil {
		return n, fmt.Errorf("get %s from %s: %w", key, b.where, err)
	}
	return n, nil
}

// Stat implements Blobs.
func (b *gcsBucket) Stat(ctx context.Context, key string) (Object, error) {
	resp, err := b.request(ctx, http.MethodGet, b.objectURL(key)+"?fields=name,size,updated", nil)
	var found gcsObject
	if err := b.decode("look up", key, resp, err, &found); err != nil {
		return Object{}, err
	}
	return found.object(), nil
}

// List implements Store.
func (b *gcsBucket) List(ctx context.Context, prefix string, each func(Object) error) error {
	query := url.Values{"prefix": {prefix}, "fields": {"items(name,size,updated),nextPageToken"}}
	for {
		resp, err := b.request(ctx, http.MethodGet, b.base+"/storage/v1/b/"+url.PathEscape(b.name)+"/o?"+query.Encode(), nil)
		var page struct {
			Items         []gcsObject `json:"items"`
			NextPageToken string      `json:"nextPageToken"`
		}
		if err := b.decode("list", prefix, resp, err, &page); err != nil {
			if errors.Is(err, ErrNotFound) { // of a list, only the bucket can be missing
				return fmt.Errorf("%s: %w", b.where, ErrNoBucket)
			}
			return err
		}
		for _, item := range page.Items {
			if err := each(item.object()); err != nil {
				return err
			}
		}
		if page.NextPageToken == "" {
			return nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
}

// Delete implements Store.
func (b *gcsBucket) Delete(ctx context.Context, key string) error {
	resp, err := b.request(ctx, http.MethodDelete, b.objectURL(key), nil)
	if err := b.check("delete", key, resp, err); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	discard(resp.Body)
	return nil
}

// decode reads an answer in JSON.
func (b *gcsBucket) decode(action, key string, resp *http.Response, err error, into any) error {
	if err := b.check(action, key, resp, err); err != nil {
		return err
	}
	defer discard(resp.Body)
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s in %s: the answer is not that of Google Cloud Storage: %w", action, key, b.where, err)
	}
	return nil
}

// check turns a failure into what a user can act on, and closes the answer then.
func (b *gcsBucket) check(action, key string, resp *http.Response, err error) error {
	switch {
	case isRefusedLogin(err):
		return fmt.Errorf("%s %s in %s: %w: the service account's key is refused%s", action, key, b.where, ErrDenied, loginReason(err))
	case err != nil:
		return fmt.Errorf("%s %s in %s: %w", action, key, b.where, err)
	case resp.StatusCode < http.StatusMultipleChoices:
		return nil
	}
	defer discard(resp.Body)
	return b.explain(action, key, resp.StatusCode, gcsReason(resp.Body))
}

func (b *gcsBucket) explain(action, key string, status int, reason string) error {
	switch {
	case status == http.StatusNotFound && strings.Contains(reason, "bucket does not exist"):
		return fmt.Errorf("%s: %w", b.where, ErrNoBucket)
	case status == http.StatusNotFound:
		return fmt.Errorf("%s in %s: %w", key, b.where, ErrNotFound)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%s %s in %s: %w: %s", action, key, b.where, ErrDenied, reason)
	case status == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%s %s in %s: %w", action, key, b.where, ErrRange)
	}
	return fmt.Errorf("%s %s in %s: the server answered %d: %s", action, key, b.where, status, reason)
}

// gcsReason is what the server says is wrong.
func gcsReason(body io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(body, errorBody))
	if err != nil {
		return err.Error()
	}
	var answer struct{ Error struct{ Message string } }
	if json.Unmarshal(text, &answer) == nil && answer.Error.Message != "" {
		return answer.Error.Message
	}
	return strconv.Quote(strings.TrimSpace(string(text[:min(len(text), 200)])))
}

// loginReason is what the server that hands out tokens says. Nothing else of its answer
// is shown.
func loginReason(err error) string {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return ""
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(refused.Body, &answer) != nil || answer.Error == "" {
		return ""
	}
	return ": " + strings.TrimSpace(answer.Error+" "+answer.Description)
}
