package store_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fakeS3 imitates as much of S3 as the client uses, for one bucket. The e2e tests
// run the same checks against a real server.
type fakeS3 struct {
	bucket string
	// refuse returns an error code for a request, or "".
	refuse func(r *http.Request) string

	mu       sync.Mutex
	objects  map[string][]byte
	uploads  map[string]map[int][]byte // by id: part number to content
	requests []string
	tokens   map[string]bool // security tokens that were sent
}

func newFakeS3(bucket string) *fakeS3 {
	return &fakeS3{bucket: bucket, objects: map[string][]byte{}, uploads: map[string]map[int][]byte{}, tokens: map[string]bool{}}
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client gave up
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	f.tokens[r.Header.Get("X-Amz-Security-Token")] = true
	switch {
	case f.refuse != nil && f.refuse(r) != "":
		fail(w, f.refuse(r))
	case bucket != f.bucket:
		fail(w, "NoSuchBucket")
	case key == "":
		f.list(w, r)
	case r.URL.Query().Has("uploads") || r.URL.Query().Has("uploadId"):
		f.multipart(w, r, key, body)
	default:
		f.object(w, r, key, body)
	}
}

func fail(w http.ResponseWriter, code string) {
	status := map[string]int{"NoSuchKey": 404, "NoSuchBucket": 404, "AccessDenied": 403, "PermanentRedirect": 301}[code]
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>as the test wants</Message></Error>", code)
}

func (f *fakeS3) object(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	content, ok := f.objects[key]
	switch {
	case r.Method == http.MethodPut:
		f.objects[key] = body
		w.Header().Set("ETag", `"e"`)
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !ok:
		fail(w, "NoSuchKey")
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content)
	}
}

func (f *fakeS3) multipart(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	id := r.URL.Query().Get("uploadId")
	switch r.Method {
	case http.MethodPut:
		n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		f.uploads[id][n] = body
		w.Header().Set("ETag", fmt.Sprintf(`"part-%d"`, n))
	case http.MethodDelete:
		delete(f.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		if id == "" {
			id = fmt.Sprint("upload-", len(f.requests))
			f.uploads[id] = map[int][]byte{}
			fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
			return
		}
		f.complete(w, key, id, body)
	}
}

func (f *fakeS3) complete(w http.ResponseWriter, key, id string, body []byte) {
	var list struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		fail(w, "MalformedXML")
		return
	}
	var content []byte
	for i, p := range list.Part {
		if p.PartNumber != i+1 || p.ETag != fmt.Sprintf(`"part-%d"`, i+1) {
			fail(w, "InvalidPartOrder")
			return
		}
		content = append(content, f.uploads[id][p.PartNumber]...)
	}
	f.objects[key] = content
	delete(f.uploads, id)
	fmt.Fprint(w, "<CompleteMultipartUploadResult/>")
}

// list returns two keys a page.
func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		Key          string
		Size         int
		LastModified time.Time
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []entry
	}
	after := r.URL.Query().Get("continuation-token")
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if !strings.HasPrefix(key, r.URL.Query().Get("prefix")) || key <= after {
			continue
		}
		if len(page.Contents) == 2 {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[1].Key
			break
		}
		page.Contents = append(page.Contents, entry{key, len(f.objects[key]), time.Now().UTC()})
	}
	if err := xml.NewEncoder(w).Encode(page); err != nil {
		fail(w, "InternalError")
	}
}
