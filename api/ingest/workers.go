package ingest

import (
	"errors"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/panics"

	"dialtone/campaign/phone"
)

// chunk is some rows on their way: the reader fills records, one worker the
// rest, and done tells the reader to look.
type chunk struct {
	records  []record
	contacts []Contact
	refused  []RowError
	done     chan struct{}
}

// workers turn records into contacts.
type workers struct {
	work   chan *chunk
	wg     conc.WaitGroup
	panics panics.Catcher
}

func startWorkers(src source, opts Options) *workers {
	// With room for every chunk that can be under way, give never blocks.
	w := &workers{work: make(chan *chunk, chunksAhead)}
	for range opts.Workers {
		w.wg.Go(func() {
			for c := range w.work {
				w.panics.Try(func() { c.resolve(src, opts) })
			}
		})
	}
	return w
}

func (w *workers) give(c *chunk) { w.work <- c }

// stop waits until the workers have ended, and panics if one did.
func (w *workers) stop() {
	close(w.work)
	w.wg.Wait()
	w.panics.Repanic()
}

func (c *chunk) resolve(src source, opts Options) {
	defer close(c.done) // also if a record makes us panic: the reader must not wait for ever
	c.contacts = make([]Contact, 0, len(c.records))
	for _, r := range c.records {
		contact, err := resolve(src, r, opts)
		if err != nil {
			c.refused = append(c.refused, RowError{Line: r.line, Value: clip(contact.Phone), Reason: err.Error()})
			continue
		}
		c.contacts = append(c.contacts, contact)
	}
	c.records = nil
}

// resolve is a record's contact; beside an error, Phone is what to show of it.
func resolve(src source, r record, opts Options) (Contact, error) {
	w, err := src.contact(r)
	var refused *refusal
	if errors.As(err, &refused) {
		return Contact{Phone: refused.value}, err
	} else if err != nil {
		return Contact{Phone: w.number}, err
	}
	e164, err := phone.Normalize(w.number, opts.DefaultRegion)
	if err != nil {
		return Contact{Phone: w.number}, err
	}
	zones, err := opts.Zones(e164, w.zone)
	if err != nil {
		return Contact{Phone: w.number}, err
	}
	return Contact{Phone: e164, Zones: zones, Variables: w.variables}, nil
}
