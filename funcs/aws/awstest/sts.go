package awstest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A Role can be assumed.
type Role struct {
	ARN string
	// By lists the IDs of the keys that may assume it.
	By []string
	// WebToken is the token of a service account that may, "" for none.
	WebToken string
	// Deny is what its sessions may not do.
	Deny []string
}

// AddRole makes a role known.
func (s *Server) AddRole(r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles[r.ARN] = r
}

type stsCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRole struct {
	Credentials     stsCredentials
	AssumedRoleUser struct {
		Arn           string
		AssumedRoleID string `xml:"AssumedRoleId"`
	}
}

type callerIdentity struct{ Arn, UserId, Account string }

func (s *Server) sts() *Service {
	return &Service{
		Name: "sts", Version: "2011-06-15",
		Actions: map[string]Action{
			"AssumeRole":                s.assumeRole,
			"AssumeRoleWithWebIdentity": s.assumeWeb,
			"GetCallerIdentity": func(c *Call) (any, error) {
				return callerIdentity{Arn: "arn:aws:iam::123456789012:" + c.Key.ID, UserId: c.Key.ID, Account: "123456789012"}, nil
			},
		},
		Unsigned: []string{"AssumeRoleWithWebIdentity"},
	}
}

func (s *Server) role(arn string) Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roles[arn]
}

func (s *Server) assumeRole(c *Call) (any, error) {
	role := s.role(c.Get("RoleArn"))
	if !slices.Contains(role.By, c.Key.ID) {
		return nil, &Error{
			Code: "AccessDenied", Status: http.StatusForbidden,
			Message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.Key.ID, c.Get("RoleArn")),
		}
	}
	return s.session(role, c.Get("RoleSessionName")), nil
}

func (s *Server) assumeWeb(c *Call) (any, error) {
	role := s.role(c.Get("RoleArn"))
	if role.WebToken == "" || role.WebToken != c.Get("WebIdentityToken") {
		return nil, &Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	return s.session(role, c.Get("RoleSessionName")), nil
}

// session makes temporary credentials of a role.
func (s *Server) session(role Role, name string) assumedRole {
	n := s.Serial()
	key := Key{
		ID: fmt.Sprintf("ASIATEST%012d", n), Secret: fmt.Sprintf("session/secret+%d", n), Token: fmt.Sprintf("session-token-%d", n),
		Expires: s.now().Add(time.Hour), Deny: role.Deny, Role: role.ARN,
	}
	s.AddKey(key)
	out := assumedRole{Credentials: stsCredentials{
		AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token, Expiration: key.Expires.UTC().Format(time.RFC3339),
	}}
	out.AssumedRoleUser.Arn = role.ARN + "/" + name
	out.AssumedRoleUser.AssumedRoleID = "AROATEST:" + name
	return out
}
