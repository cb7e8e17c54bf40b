package rdstest

import (
	"context"
	"fmt"
	"sync"
)

// A Backend holds the data of instances and clusters, which it knows by their resource
// IDs, and of snapshots, which it knows by their ARNs. Calls may come at the same time.
type Backend interface {
	// Restore makes the data of a new database from a snapshot. It may take its time.
	Restore(ctx context.Context, resource, snapshot string) error
	// Snapshot copies the data of a database.
	Snapshot(ctx context.Context, resource, snapshot string) error
	// Delete drops a database, DeleteSnapshot a snapshot.
	Delete(resource string)
	DeleteSnapshot(snapshot string)
	// Endpoint is where the database of that name answers.
	Endpoint(id, resource string) (host string, port int)
}

// Memory is a Backend whose data are texts.
type Memory struct {
	mu   sync.Mutex
	data map[string]string
}

// Set puts a text into a database.
func (m *Memory) Set(resource, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		m.data = map[string]string{}
	}
	m.data[resource] = text
}

// Get returns the text of a database, or of a snapshot.
func (m *Memory) Get(of string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data[of]
}

func (m *Memory) copy(from, to string) error {
	m.mu.Lock()
	text, ok := m.data[from]
	m.mu.Unlock()
	if !ok {
		return fmt.Errorf("%s has no data", from)
	}
	m.Set(to, text)
	return nil
}

// Restore implements Backend.
func (m *Memory) Restore(_ context.Context, resource, snapshot string) error {
	return m.copy(snapshot, resource)
}

// Snapshot implements Backend.
func (m *Memory) Snapshot(_ context.Context, resource, snapshot string) error {
	return m.copy(resource, snapshot)
}

// Delete implements Backend.
func (m *Memory) Delete(resource string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.data, resource)
}

// DeleteSnapshot implements Backend.
func (m *Memory) DeleteSnapshot(snapshot string) { m.Delete(snapshot) }

// Endpoint implements Backend. As with RDS, the name is part of the address.
func (m *Memory) Endpoint(id, _ string) (string, int) { return id + ".test.invalid", 5432 }
