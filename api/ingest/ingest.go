package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"dialtone/campaign"
	"dialtone/campaign/phone"
)

// Contact is what the sink gets: a number in E.164, the time zones in which it may
// be, and variables or nil.
type Contact = campaign.Contact

// Sink stores a batch and returns how many of it were new; the others are
// duplicates, of what was stored before or of each other.  The slice is the
// reader's again when Sink returns; what its elements point to may be kept.
type Sink func(ctx context.Context, batch []Contact) (added int, err error)

// Options are what a caller may set; zero takes the default.
type Options struct {
	// DefaultRegion is the country of numbers without a country code; "" accepts
	// international numbers only.
	DefaultRegion string
	// Zones are the time zones of a number, beside which one was given or "".  An
	// error refuses the row, and its text is the reason.  Several goroutines call it at once.
	// By default a given zone must be an IANA name, and where none is given it is the
	// number's own.
	Zones          func(e164, given string) (campaign.Zones, error)
	BatchSize      int // contacts a batch, at most; 2,000
	Workers        int // goroutines that normalise; 2
	StageRows      int // contacts kept in memory until the file's end; more go to a temporary file; 10,000
	LimitVariables int // bytes of JSON a contact; 4 KiB
	LimitErrors    int // row errors that are told; 1,000
}

func (o Options) withDefaults() Options {
	o.BatchSize = cmp.Or(o.BatchSize, 2_000)
	o.Workers = cmp.Or(o.Workers, 2)
	o.StageRows = cmp.Or(o.StageRows, 10_000)
	o.LimitVariables = cmp.Or(o.LimitVariables, 4<<10)
	o.LimitErrors = cmp.Or(o.LimitErrors, 1_000)
	if o.Zones == nil {
		o.Zones = Zones
	}
	return o
}

func (o Options) validate() error {
	if !phone.ValidRegion(o.DefaultRegion) {
		return campaign.Invalid("default_region", "Give the default region as two capital letters of ISO 3166-1, like US or GB, not %q.", clip(o.DefaultRegion))
	}
	if o.BatchSize < 0 || o.Workers < 0 || o.StageRows < 0 || o.LimitVariables < 0 || o.LimitErrors < 0 {
		return campaign.Invalid("", "No option of an upload may be negative.")
	}
	return nil
}

// Result is what became of an upload.
type Result struct {
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Rejected   int        `json:"rejected"`
	Errors     []RowError `json:"errors"` // the first of the rejected; never nil
}

const (
	// limitRecord is the longest row or element in bytes.
	limitRecord = 64 << 10
	// readAhead is the buffer of all parsers.  Invariant: it holds a record.
	readAhead = limitRecord
	// chunkRows is what a worker gets at a time: much, beside the cost of
	// handing it over, and little, beside the stage.
	chunkRows = 256
	// chunksAhead bounds the chunks that are read and not yet collected.
	chunksAhead = 16
)

// Read reads an upload to its end and then feeds sink.
//
// Errors: *FileError where the file is wrong; *campaign.Error for the options;
// else what r, sink, the disk or ctx said, wrapped.  Where r or the file is at
// fault, sink was never called.  Result counts, also beside an error, what the sink
// has taken so far.
func Read(ctx context.Context, r io.Reader, format Format, opts Options, sink Sink) (result Result, err error) {
	none := Result{Errors: []RowError{}}
	if err := opts.validate(); err != nil {
		return none, err
	}
	opts = opts.withDefaults()
	src, err := open(r, format, opts.LimitVariables)
	if err != nil {
		return none, wording(err)
	}
	u := &upload{opts: opts, src: src, sink: sink, result: none, stage: stage{most: opts.StageRows}}
	defer func() { err = errors.Join(err, u.stage.close()) }()
	u.workers = startWorkers(src, opts)
	defer u.workers.stop()
	err = wording(u.run(ctx))
	return u.result, err
}

// wording finishes an error for the caller.
func wording(err error) error {
	var fault *FileError
	if err == nil || errors.As(err, &fault) {
		return err
	}
	return fmt.Errorf("read contacts: %w", err)
}

func empty() *FileError {
	return faultAt(0, "The upload has no contacts in it: send at least one.")
}
