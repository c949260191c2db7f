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

// Contact is what the sink gets: a number in E.164, and variables or nil.
type Contact = campaign.Contact

// Sink stores a batch and returns how many of it were new; the others are
// duplicates, of what was stored before or of each other.  The slice is the
// reader's again when Sink returns; what its elements point to may be kept.
type Sink func(ctx context.Context, batch []Contact) (added int, err error)

// Options are what a caller may set; zero takes the default.
type Options struct {
	// DefaultRegion is the country of numbers without a country code; "" accepts
	// international numbers only.
	DefaultRegion  string
	BatchSize      int   // contacts a batch, at most; 2,000
	Workers        int   // goroutines that normalise; 2
	StageRows      int   // rows read before the sink is first called; 10,000
	StageBytes     int64 // the same in bytes; whichever is reached first; 4 MiB
	LimitVariables int   // bytes of JSON a contact; 4 KiB
	LimitErrors    int   // row errors that are told; 1,000
}

func (o Options) withDefaults() Options {
	o.BatchSize = cmp.Or(o.BatchSize, 2_000)
	o.Workers = cmp.Or(o.Workers, 2)
	o.StageRows = cmp.Or(o.StageRows, 10_000)
	o.StageBytes = cmp.Or(o.StageBytes, 4<<20)
	o.LimitVariables = cmp.Or(o.LimitVariables, 4<<10)
	o.LimitErrors = cmp.Or(o.LimitErrors, 1_000)
	return o
}

func (o Options) validate() error {
	if !phone.ValidRegion(o.DefaultRegion) {
		return campaign.Invalid("default_region", "Give the default region as two capital letters of ISO 3166-1, like US or GB, not %q.", clip(o.DefaultRegion))
	}
	if o.BatchSize < 0 || o.Workers < 0 || o.StageRows < 0 || o.StageBytes < 0 || o.LimitVariables < 0 || o.LimitErrors < 0 {
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

// Read reads an upload to its end and feeds sink.
//
// Errors: *FileError where the file is wrong; *campaign.Error for the options;
// else what r, sink or ctx said, wrapped.  Result counts, also beside an error,
// what the sink has taken so far.
func Read(ctx context.Context, r io.Reader, format Format, opts Options, sink Sink) (Result, error) {
	none := Result{Errors: []RowError{}}
	if err := opts.validate(); err != nil {
		return none, err
	}
	opts = opts.withDefaults()
	counted := &meter{r: r}
	src, err := open(counted, format, opts.LimitVariables)
	if err != nil {
		return none, wording(err, 0)
	}
	u := &upload{opts: opts, src: src, sink: sink, meter: counted, result: none}
	u.workers = startWorkers(opts.Workers, src, opts.DefaultRegion)
	defer u.workers.stop()
	if err := u.run(ctx); err != nil {
		return u.result, wording(err, u.result.Accepted)
	}
	return u.result, nil
}

// wording finishes an error for the caller.
func wording(err error, stored int) error {
	var fault *FileError
	if errors.As(err, &fault) {
		fault.Stored = stored
		return fault
	}
	return fmt.Errorf("read contacts: %w", err)
}

func empty() *FileError {
	return faultAt(0, "The upload has no contacts in it: send at least one.")
}

// meter counts the bytes that were read.
type meter struct {
	r io.Reader
	n int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}
