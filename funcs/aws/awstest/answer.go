package awstest

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/smithy-go"
)

// An Error is AWS's refusal of a request. Status 0 stands for 400.
type Error struct {
	Code, Message string
	Status        int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode, ErrorMessage and ErrorFault implement smithy.APIError.
func (e *Error) ErrorCode() string             { return e.Code }
func (e *Error) ErrorMessage() string          { return e.Message }
func (e *Error) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// denied is how a service says that a key may not do something.
func (s *Service) denied(k Key, action string) error {
	if s.EC2 {
		return &Error{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation.", Status: http.StatusForbidden}
	}
	who := cmp.Or(k.Role, "user/"+k.ID)
	return &Error{
		Code: "AccessDenied", Status: http.StatusForbidden,
		Message: fmt.Sprintf("%s is not authorized to perform: %s:%s", who, s.Name, action),
	}
}

// write sends an answer in the form of the service. That the client has gone away is
// the client's business.
func (s *Service) write(w http.ResponseWriter, action, id string, body any, err error) {
	status, text := http.StatusOK, ""
	if err == nil {
		text, err = s.success(action, id, body)
	}
	if err != nil {
		status, text = s.failure(id, err)
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("x-amzn-RequestId", id)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+text)
}

func (s *Service) success(action, id string, body any) (string, error) {
	fields, err := fieldsOf(body)
	if err != nil {
		return "", err
	}
	if s.EC2 {
		return fmt.Sprintf(`<%[1]sResponse xmlns="http://ec2.amazonaws.com/doc/%[2]s/"><requestId>%[3]s</requestId>%[4]s</%[1]sResponse>`,
			action, s.Version, id, fields), nil
	}
	return fmt.Sprintf(`<%[1]sResponse xmlns="http://%[2]s.amazonaws.com/doc/%[3]s/"><%[1]sResult>%[4]s</%[1]sResult>`+
		`<ResponseMetadata><RequestId>%[5]s</RequestId></ResponseMetadata></%[1]sResponse>`, action, s.Name, s.Version, fields, id), nil
}

// fieldsOf writes the fields of a struct, without an element around them.
func fieldsOf(body any) (string, error) {
	if body == nil {
		return "", nil
	}
	var b bytes.Buffer
	if err := xml.NewEncoder(&b).EncodeElement(body, xml.StartElement{Name: xml.Name{Local: "x"}}); err != nil {
		return "", err
	}
	text := bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte("<x>")), []byte("</x>"))
	return string(text), nil
}

func (s *Service) failure(id string, err error) (status int, text string) {
	refusal := (*Error)(nil)
	if !errors.As(err, &refusal) {
		refusal = &Error{Code: "InternalError", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	var message bytes.Buffer
	// Writing into memory does not fail.
	_ = xml.EscapeText(&message, []byte(refusal.Message))
	status = cmp.Or(refusal.Status, http.StatusBadRequest)
	if s.EC2 {
		return status, fmt.Sprintf(`<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>`,
			refusal.Code, &message, id)
	}
	kind := "Sender"
	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	return status, fmt.Sprintf(`<ErrorResponse xmlns="http://%s.amazonaws.com/doc/%s/"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
		s.Name, s.Version, kind, refusal.Code, &message, id)
}
