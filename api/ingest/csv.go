package ingest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvSource reads RFC 4180, with the separator that the header is written with.
type csvSource struct {
	w     *window
	r     *csv.Reader
	start int64    // where r's offsets begin in the file
	names []string // the header's, trimmed
	keys  [][]byte // by column, its name as a JSON key with colon; nil for what is no variable
	phone int      // the number's column
	zone  int      // the time zone's column, -1 if there is none
	limit int      // bytes of variables
	ended int      // the line on which the record read last gave way to the next
}

// The columns that are no variables, in any case of letters.  The number's must be
// there.
const (
	phoneColumn = "phone"
	zoneColumn  = "time_zone"
)

func openCSV(w *window, head *bufio.Reader, start int64, limit int) (source, error) {
	line := peekLine(head)
	comma := separator(line)
	s := &csvSource{w: w, r: csv.NewReader(head), start: start, limit: limit, ended: 1}
	s.r.Comma = comma
	s.r.FieldsPerRecord = -1 // counted by contact, which words it
	s.r.ReuseRecord = true
	s.r.TrimLeadingSpace = comma != '\t' // else an empty cell of TSV would vanish
	header, err := s.r.Read()
	if errors.Is(err, io.EOF) && w.err == nil {
		return nil, empty()
	} else if err != nil {
		return nil, s.fault(err)
	}
	if bytes.ContainsRune(bytes.ReplaceAll(line, []byte("\r\n"), nil), '\r') {
		return nil, faultAt(1, "The lines end in bare carriage returns: save the file with the line ends of Windows or Unix.")
	}
	if err := s.columns(header, line); err != nil {
		return nil, err
	}
	s.finished()
	return s, nil
}

// finished opens the window for the next record.
func (s *csvSource) finished() {
	end := s.start + s.r.InputOffset()
	s.w.advance(end)
	s.ended = s.w.lineAt(end)
}

// columns takes in the header.
func (s *csvSource) columns(header []string, firstLine []byte) error {
	at, _ := s.r.FieldPos(0)
	s.phone, s.zone = -1, -1
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case !utf8.ValidString(name):
			return notUTF8(at)
		case name == "":
			return faultAt(at, "Column %d of the header has no name: name it, or take the column out.", i+1)
		case strings.EqualFold(name, phoneColumn) && s.phone >= 0, strings.EqualFold(name, zoneColumn) && s.zone >= 0, slices.Contains(s.names, name):
			return faultAt(at, "The header has two columns %q: give each its own name.", clip(name))
		case strings.EqualFold(name, phoneColumn):
			s.phone = i
		case strings.EqualFold(name, zoneColumn):
			s.zone = i
		}
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		s.names, s.keys = append(s.names, name), append(s.keys, append(key, ':'))
	}
	switch {
	case s.phone < 0:
		return noPhoneColumn(at, firstLine)
	case s.zone >= 0:
		s.keys[s.zone] = nil
	default:
		if i := slices.IndexFunc(s.names, nearlyZone); i >= 0 {
			return faultAt(at, "The column %q is not read as the contact's time zone: rename it to time_zone, so that hours go by it, or to something else if it is for the script only.", clip(s.names[i]))
		}
	}
	s.keys[s.phone] = nil
	return nil
}

// nearlyZone finds a column that was most likely meant to be time_zone.  Passed over,
// it would have people called by the wrong clock, and nobody would notice.
func nearlyZone(name string) bool {
	switch strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(strings.ToLower(name)) {
	case "timezone", "tz":
		return true
	}
	return false
}

func noPhoneColumn(at int, firstLine []byte) *FileError {
	return faultAt(at, "There is no column \"phone\". The first line must name the columns, one of them phone, separated by commas, semicolons or tabs; it reads %q.",
		clip(string(firstLine)))
}

func (s *csvSource) next() (record, error) {
	for {
		fields, err := s.r.Read()
		if err != nil {
			return record{}, s.fault(err)
		}
		s.finished()
		line, _ := s.r.FieldPos(0)
		if !slices.ContainsFunc(fields, func(f string) bool { return f != "" }) {
			continue // spreadsheets leave rows of bare separators at the end
		}
		for _, f := range fields {
			if !utf8.ValidString(f) {
				return record{}, notUTF8(line)
			}
		}
		return record{line: line, fields: slices.Clone(fields)}, nil
	}
}

// fault words an error of the parser; the reader's own goes before it.
func (s *csvSource) fault(err error) error {
	line := s.ended
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		line = parse.StartLine
	}
	switch {
	case errors.Is(s.w.err, errRecordTooLong):
		return recordTooLong(line)
	case s.w.err != nil:
		return s.w.err
	case errors.Is(err, csv.ErrQuote):
		return faultAt(line, "A quotation mark is not closed, or something stands between it and the next separator: write \"\" for a quotation mark inside a quoted field.")
	case errors.Is(err, csv.ErrBareQuote):
		return faultAt(line, "A quotation mark stands inside a field without quotes: put the whole field in quotation marks, and write \"\" for one inside it.")
	}
	return err
}

func (s *csvSource) contact(r record) (written, error) {
	out := written{number: field(r.fields, s.phone), zone: field(r.fields, s.zone)}
	for _, f := range r.fields[min(len(r.fields), len(s.names)):] {
		if strings.TrimSpace(f) != "" {
			return out, refuse(out.number, "The row has %d fields and the header %s: put a field with a separator in it in quotation marks.", len(r.fields), columns(len(s.names)))
		}
	}
	if out.variables = s.variables(r.fields); out.variables == nil {
		return out, nil
	}
	return out, checkVariables(out.number, out.variables, s.limit)
}

func columns(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

// variables are the other columns as a JSON object; nil where there is none.
func (s *csvSource) variables(fields []string) json.RawMessage {
	if !slices.ContainsFunc(s.keys, func(key []byte) bool { return key != nil }) {
		return nil
	}
	out := make([]byte, 0, 64)
	for i, key := range s.keys {
		if key != nil {
			out = appendText(append(separate(out), key...), field(fields, i))
		}
	}
	return append(out, '}')
}

// separate starts an object, or goes on with it.
func separate(out []byte) []byte {
	if len(out) == 0 {
		return append(out, '{')
	}
	return append(out, ',')
}

// field is a cell, "" where the row ends early or there is no such column.
func field(fields []string, i int) string {
	if i < 0 || i >= len(fields) {
		return ""
	}
	return strings.TrimSpace(fields[i])
}

// separator is the candidate under which the header has a column "phone", the
// comma if there is none.  Of several, it is the one that makes most columns.
func separator(line []byte) rune {
	best, most := ',', 0
	for _, comma := range []rune{',', ';', '\t'} {
		r := csv.NewReader(bytes.NewReader(line))
		r.Comma, r.TrimLeadingSpace = comma, comma != '\t'
		header, err := r.Read()
		if err != nil || len(header) <= most {
			continue
		}
		if slices.ContainsFunc(header, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), phoneColumn) }) {
			best, most = comma, len(header)
		}
	}
	return best
}

// peekLine is the first record's text, as far as head can hold it, without its
// line end; line ends inside quotation marks belong to it.
func peekLine(head *bufio.Reader) []byte {
	for want := 512; ; want *= 2 {
		text, err := head.Peek(min(want, head.Size()))
		text = bytes.TrimLeft(text, "\r\n")
		quoted := false
		for i, c := range text {
			if c == '"' {
				quoted = !quoted
			} else if c == '\n' && !quoted {
				return bytes.TrimRight(bytes.Clone(text[:i]), "\r")
			}
		}
		if err != nil || want >= head.Size() {
			return bytes.Clone(text)
		}
	}
}
