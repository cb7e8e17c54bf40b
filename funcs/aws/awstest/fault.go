package awstest

import (
	"errors"
	"net/http"
	"time"
)

// A Fault is what requests of an action meet instead of, or besides, their answer.
type Fault struct {
	// Action that it is for, such as ec2:CreateSnapshot.
	Action string
	// Times is how many requests meet it. 0: all.
	Times int
	// If limits it to requests that it is true for. Nil: all.
	If func(Form) bool
	// Delay passes before anything else happens, unless the client goes away.
	Delay time.Duration
	// Code and Message refuse the request; Status 0 stands for 400.
	Code, Message string
	Status        int
	// Lost carries the request out and then breaks the connection.
	Lost bool
	// Before is called first, for a test that wants to do something at that moment.
	Before func()
}

var errLost = errors.New("the answer got lost")

// Fail adds a fault. Of several for one request, the first that was added counts.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	s.faults = append(s.faults, &f)
}

// Throttle refuses an action so many times, as AWS does with those who ask too often.
func (s *Server) Throttle(action string, times int) {
	s.Fail(Fault{Action: action, Times: times, Code: "RequestLimitExceeded", Message: "Request limit exceeded.", Status: http.StatusServiceUnavailable})
}

// Mend removes all faults.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// nextFault takes the fault that a request meets, nil for none.
func (s *Server) nextFault(service string, c *Call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Action != service+":"+c.Get("Action") || f.Times == 0 || f.If != nil && !f.If(c.Form) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		found := *f
		return &found
	}
	return nil
}

// meet makes a request suffer the fault.
func (f *Fault) meet(c *Call, action Action) (any, error) {
	if f.Before != nil {
		f.Before()
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.Done():
			return nil, errLost
		}
	}
	if f.Code != "" {
		return nil, &Error{Code: f.Code, Message: f.Message, Status: f.Status}
	}
	body, err := action(c)
	if f.Lost && err == nil {
		err = errLost
	}
	return body, err
}
