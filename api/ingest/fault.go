package ingest

import (
	"errors"
	"fmt"
	"strings"
)

// FileError is a fault of the whole upload, told to a person.
type FileError struct {
	Line    int    // counted from 1; 0 where no line is to blame
	Message string // whole sentences that say what to do
}

func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("Line %d: %s", e.Line, e.Message)
	}
	return e.Message
}

func faultAt(line int, format string, args ...any) *FileError {
	return &FileError{Line: line, Message: fmt.Sprintf(format, args...)}
}

// RowError is one row that was not accepted.
type RowError struct {
	Line   int    `json:"line"`  // where the row starts in the file, from 1
	Value  string `json:"value"` // what stood there for a number, cut to a sane length
	Reason string `json:"reason"`
}

// refusal is what a source finds wrong with a row beyond its number.
type refusal struct{ value, reason string }

func (r *refusal) Error() string { return r.reason }

func refuse(value, format string, args ...any) *refusal {
	return &refusal{value, fmt.Sprintf(format, args...)}
}

// errRecordTooLong ends the reading of a record that outgrew its window.
var errRecordTooLong = errors.New("record too long")

// limitValue is how many characters of a bad value are told.
const limitValue = 64

// clip makes a value fit to be shown.
func clip(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4*limitValue+3)], "\uFFFD")
	if r := []rune(s); len(r) > limitValue {
		return string(r[:limitValue]) + "…"
	}
	return s
}
