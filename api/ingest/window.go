package ingest

import (
	"bytes"
	"errors"
	"io"
)

// window passes an upload on to a parser, but never more than one record of the
// allowed length ahead of what the parser has finished: parsers keep a record
// in memory until it ends, and an unclosed quote would make one of the file.
type window struct {
	r     io.Reader
	limit int64 // the parser may be given bytes up to here
	given int64
	// err is the reader's error, or errRecordTooLong; parsers hide or replace
	// what their reader said, so that it is asked for here.
	err error
	// breaks are the offsets of the line ends that were given; lineAt has
	// counted those before head.
	breaks []int64
	head   int
	line   int
}

func newWindow(r io.Reader) *window { return &window{r: r, limit: limitRecord, line: 1} }

// advance lets the next record be read: the one before it ended at offset.
func (w *window) advance(offset int64) { w.limit = offset + limitRecord }

func (w *window) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	room := w.limit - w.given
	if room <= 0 {
		w.err = errRecordTooLong
		return 0, w.err
	}
	n, err := w.r.Read(p[:min(int64(len(p)), room)])
	w.note(p[:n])
	w.given += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// note takes down where lines end, and forgets what was counted.
func (w *window) note(p []byte) {
	w.breaks = w.breaks[:copy(w.breaks, w.breaks[w.head:])]
	w.head = 0
	for at := 0; ; at++ {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return
		}
		at += i
		w.breaks = append(w.breaks, w.given+int64(at))
	}
}

// lineAt is the line of an offset; offsets must ascend from call to call.
func (w *window) lineAt(offset int64) int {
	for w.head < len(w.breaks) && w.breaks[w.head] < offset {
		w.head++
		w.line++
	}
	return w.line
}
