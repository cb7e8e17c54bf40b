package lsp

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/rescuecue/rescue/interp/vet"
)

// A job is to check a document with those that are open beside it, by path.
type job struct {
	doc  *document
	open map[string]*document
}

// A result is what a check has found.
type result struct {
	job
	// files are the paths of what was checked; findings name them so.
	files    []string
	findings []vet.Finding
	// err is a fault of the checker.
	err error
}

// A checker checks in the background, the newest state only: while somebody types, a check
// that has not begun is replaced by the next one.
type checker struct {
	results chan result
	wake    chan struct{}
	done    chan struct{}

	mu sync.Mutex
	// waiting are the documents to check, the most urgent first.
	waiting []job
}

func newChecker(ctx context.Context) *checker {
	c := &checker{results: make(chan result), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go c.run(ctx)
	return c
}

// wait returns when the checker has ended, after its context has.
func (c *checker) wait() { <-c.done }

// ask wants documents checked, the first one first. It replaces what was asked for them
// before.
func (c *checker) ask(jobs []job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := map[string]bool{}
	for _, j := range jobs {
		asked[j.doc.uri] = true
	}
	for _, j := range c.waiting {
		if !asked[j.doc.uri] {
			jobs = append(jobs, j)
		}
	}
	c.waiting = jobs
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checker) next() (job, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return job{}, false
	}
	j := c.waiting[0]
	c.waiting = c.waiting[1:]
	return j, true
}

func (c *checker) run(ctx context.Context) {
	defer close(c.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for j, ok := c.next(); ok && ctx.Err() == nil; j, ok = c.next() {
			select {
			case c.results <- j.check():
			case <-ctx.Done():
				return
			}
		}
	}
}

// check runs vet over the document's unit.
func (j job) check() (r result) {
	r.job = j
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("%s: internal error of the checker: %v; please report it with the file", j.doc.path, p)
		}
	}()
	unit, ours := j.unit()
	if !ours {
		return r
	}
	for _, f := range unit.Files {
		r.files = append(r.files, f.Name)
	}
	r.findings, r.err = vet.CheckAll([]vet.Unit{unit})
	return r
}

// unit is what the document belongs to.
func (j job) unit() (vet.Unit, bool) { return vet.UnitOf(j.doc.path, j.doc.language, j.texts()) }

// texts are what the editor holds, by path.
func (j job) texts() map[string][]byte {
	texts := map[string][]byte{}
	for path, d := range j.open {
		texts[path] = []byte(d.text)
	}
	texts[j.doc.path] = []byte(j.doc.text)
	return texts
}

// siblings are the other files of the document's package.
func (j job) siblings() []*document {
	unit, _ := j.unit()
	return slices.DeleteFunc(j.documents(unit.Files), func(d *document) bool { return d.path == j.doc.path })
}

// documents are files, as the editor has them open where it does.
func (j job) documents(files []vet.File) []*document {
	var docs []*document
	for _, f := range files {
		open := j.open[f.Name]
		if f.Name == j.doc.path {
			open = j.doc
		}
		if open == nil {
			open = newDocument(uriOf(f.Name), f.Name, j.doc.language, 0, string(f.Data))
		}
		docs = append(docs, open)
	}
	return docs
}
