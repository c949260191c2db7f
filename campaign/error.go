package campaign

import (
	"errors"
	"fmt"
)

// Code is the kind of an Error, for whoever must react to it.
type Code string

// The codes.  There are few, because there are few ways to react.
const (
	CodeInvalid     Code = "invalid"     // the request can't be right, whatever the state
	CodeNotFound    Code = "not_found"   // the thing named does not exist
	CodeConflict    Code = "conflict"    // right in itself, not in the present state
	CodeUnavailable Code = "unavailable" // try again later
	CodeInternal    Code = "internal"    // our fault
)

// Error is what a person is told.  Message is a whole sentence that says what
// is wrong and what to do; Field names the part of the request, in the notation
// of the request ("retry.max_attempts"), and may be empty.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Errors are several faults of one request, all told at once.
type Errors []*Error

func (es Errors) Error() string {
	if len(es) == 1 {
		return es[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", es[0].Error(), len(es)-1)
}

// Unwrap lets errors.As find the single faults.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// orNil is nil for no fault, so that a nil error stays nil.
func (es Errors) orNil() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// Invalid is a fault in one field of a request.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// NotFound says that something named does not exist.
func NotFound(format string, args ...any) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf(format, args...)}
}

// Conflict says that the present state forbids it.
func Conflict(format string, args ...any) *Error {
	return &Error{Code: CodeConflict, Message: fmt.Sprintf(format, args...)}
}

// Unavailable says that a part is missing at the moment.
func Unavailable(format string, args ...any) *Error {
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of the Error inside err, CodeInternal if there is none,
// and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// FaultsOf are the Errors inside err; none for nil, and for what is no Error.
func FaultsOf(err error) Errors {
	var many Errors
	var one *Error
	switch {
	case errors.As(err, &many):
		return many
	case errors.As(err, &one):
		return Errors{one}
	}
	return nil
}
