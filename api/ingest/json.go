package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// linesSource reads NDJSON.
type linesSource struct {
	w     *window
	head  *bufio.Reader
	line  int
	limit int // bytes of variables
}

func (s *linesSource) next() (record, error) {
	for {
		text, err := s.head.ReadSlice('\n')
		s.line++
		s.w.advance(s.w.given)
		s.w.lineAt(s.w.given) // lines are counted here: the window need not remember them
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return record{}, recordTooLong(s.line)
		case s.w.err != nil:
			return record{}, s.w.err
		case err != nil && len(text) == 0:
			return record{}, err
		}
		text = bytes.TrimSpace(text)
		switch {
		case len(text) == 0:
			continue
		case !utf8.Valid(text):
			return record{}, notUTF8(s.line)
		case !json.Valid(text):
			return record{}, faultAt(s.line, "This is not a JSON value: write each contact on one line, like {\"phone\": \"+12125550147\", \"variables\": {\"name\": \"Ada\"}}.")
		}
		return record{line: s.line, raw: bytes.Clone(text)}, nil
	}
}

func (s *linesSource) contact(r record) (written, error) {
	return decode(r.raw, s.limit)
}

// arraySource reads one JSON document, element by element.
type arraySource struct {
	w       *window
	dec     *json.Decoder
	start   int64 // where dec's offsets begin in the file
	wrapped bool  // in {"contacts": …}
	limit   int   // bytes of variables
}

func openJSON(w *window, head *bufio.Reader, start int64, limit int) (source, error) {
	s := &arraySource{w: w, dec: json.NewDecoder(head), start: start, limit: limit}
	first, err := s.dec.Token()
	if errors.Is(err, io.EOF) && w.err == nil {
		return nil, empty()
	} else if err != nil {
		return nil, s.fault(err)
	}
	if s.wrapped = first == json.Delim('{'); s.wrapped {
		if first, err = s.enter(); err != nil {
			return nil, err
		}
	}
	if first != json.Delim('[') {
		return nil, s.shape()
	}
	return s, nil
}

// enter goes into {"contacts": and returns what starts there.
func (s *arraySource) enter() (json.Token, error) {
	key, err := s.dec.Token()
	if err != nil {
		return nil, s.fault(err)
	}
	if key != "contacts" {
		return nil, s.shape()
	}
	first, err := s.dec.Token()
	if err != nil {
		return nil, s.fault(err)
	}
	return first, nil
}

func (s *arraySource) shape() *FileError {
	return faultAt(s.w.lineAt(s.offset()), `Send an array of contacts, like [{"phone": "+12125550147", "variables": {"name": "Ada"}}], `+
		`or an object with nothing but such an array under "contacts".`)
}

func (s *arraySource) offset() int64 { return s.start + s.dec.InputOffset() }

func (s *arraySource) next() (record, error) {
	if !s.dec.More() {
		return record{}, s.end()
	}
	var raw json.RawMessage
	if err := s.dec.Decode(&raw); err != nil {
		return record{}, s.fault(err)
	}
	s.w.advance(s.offset())
	line := s.w.lineAt(s.offset() - int64(len(raw)))
	if !utf8.Valid(raw) {
		return record{}, notUTF8(line)
	}
	return record{line: line, raw: raw}, nil
}

// end makes sure that the document ends where the array does: an upload that was
// cut off, or two in one, is not to pass for a whole one.
func (s *arraySource) end() error {
	closing := 1
	if s.wrapped {
		closing = 2
	}
	for range closing {
		t, err := s.dec.Token()
		if err != nil {
			return s.fault(err)
		}
		if _, closes := t.(json.Delim); !closes {
			return s.shape()
		}
	}
	if _, err := s.dec.Token(); !errors.Is(err, io.EOF) || s.w.err != nil {
		return s.fault(err)
	}
	return io.EOF
}

// fault words an error of the decoder; the reader's own goes before it.
func (s *arraySource) fault(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(s.w.err, errRecordTooLong):
		return recordTooLong(s.w.lineAt(s.valueStart()))
	case s.w.err != nil:
		return s.w.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return faultAt(s.w.lineAt(s.w.given), "The JSON ends in the middle: the upload was cut off, or a bracket is not closed.")
	case errors.As(err, &syntax):
		return faultAt(s.w.lineAt(s.valueStart()), "What starts here is not JSON (%v).", syntax)
	case err == nil:
		return faultAt(s.w.lineAt(s.offset()), "Something follows the end of the JSON: send one array of contacts.")
	}
	return err
}

// valueStart is where the value starts that the decoder stands before.
func (s *arraySource) valueStart() int64 {
	at := s.offset()
	ahead := bufio.NewReader(s.dec.Buffered())
	for {
		c, err := ahead.ReadByte()
		if err != nil || !bytes.ContainsRune([]byte(" \t\r\n,:"), rune(c)) {
			return at
		}
		at++
	}
}

func (s *arraySource) contact(r record) (written, error) {
	return decode(r.raw, s.limit)
}
