package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// written is a contact as it was written.
type written struct {
	number, zone string
	variables    json.RawMessage
}

// record is one row as it stands in the file.
type record struct {
	line   int
	fields []string // of CSV
	raw    []byte   // of JSON: one well-formed value
}

// source reads the records of one format.
type source interface {
	// next returns io.EOF after the last record; a *FileError where the file
	// is wrong; and the reader's own error.  The record is the caller's.
	next() (record, error)
	// contact says what a record means; or a *refusal, beside which nothing counts.
	// Several goroutines call it at once.
	contact(record) (written, error)
}

// open looks at the start of an upload and returns the source for it.
func open(r io.Reader, format Format, limitVariables int) (source, error) {
	w := newWindow(r)
	head := bufio.NewReaderSize(w, readAhead)
	start, err := sniff(head)
	if w.err != nil {
		return nil, w.err
	} else if err != nil {
		return nil, err
	}
	switch format {
	case FormatCSV:
		return openCSV(w, head, start, limitVariables)
	case FormatNDJSON:
		return &linesSource{w: w, head: head, limit: limitVariables}, nil
	case FormatJSON:
		return openJSON(w, head, start, limitVariables)
	}
	return nil, fmt.Errorf("read contacts: there is no format %d", format)
}

// sniff tells files that are not text by how they start, and skips the byte
// order mark of UTF-8.  It returns how many bytes it skipped.
func sniff(head *bufio.Reader) (int64, error) {
	start, err := head.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return 0, faultAt(0, "This is a spreadsheet or an archive: export the sheet as CSV and send that.")
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return 0, faultAt(0, "This is a compressed file: unpack it and send what is in it.")
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return 0, faultAt(0, "The file is in UTF-16: save it as UTF-8 (in Excel: \"CSV UTF-8\") and send it again.")
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		n, err := head.Discard(3)
		return int64(n), err
	}
	return 0, nil
}

func notUTF8(line int) *FileError {
	return faultAt(line, "The text is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\") and send it again.")
}

func recordTooLong(line int) *FileError {
	return faultAt(line, "What starts here is longer than %d KiB: look for a quotation mark or a bracket that is never closed.", limitRecord>>10)
}
