package mockdialer

import (
	"encoding/json"
	"net/http"
	"time"
)

// Entry is the ledger's line on one create request that became a call.  Times
// are zero, null in JSON, for what has not happened.
type Entry struct {
	Sid            string
	To, From       string
	ReceivedAt     time.Time
	AnsweredAt     time.Time
	EndedAt        time.Time
	Status         Status
	StatusCallback string
	// Faults are those that the request, the callbacks, and later requests about the
	// call have met with; nil for none.
	Faults []Fault
}

// MarshalJSON writes the entry as GET /ledger does.
func (e Entry) MarshalJSON() ([]byte, error) {
	b := appendField(nil, `{"sid":`, e.Sid)
	b = appendField(b, `,"to":`, e.To)
	b = appendField(b, `,"from":`, e.From)
	b = appendTime(b, `,"received_at":`, unixNano(e.ReceivedAt))
	b = appendTime(b, `,"answered_at":`, unixNano(e.AnsweredAt))
	b = appendTime(b, `,"ended_at":`, unixNano(e.EndedAt))
	b = appendField(b, `,"status":`, e.Status.String())
	b = appendField(b, `,"status_callback":`, e.StatusCallback)
	for i, f := range e.Faults {
		b = appendField(append(b, separators[min(i, 1)]...), "", f.String())
	}
	if len(e.Faults) > 0 {
		b = append(b, ']')
	}
	return append(b, '}'), nil
}

// separators come before the first fault and before the others.
var separators = [...]string{`,"faults":[`, ","}

// UnmarshalJSON reads a line of GET /ledger.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var in struct {
		Sid            string    `json:"sid"`
		To             string    `json:"to"`
		From           string    `json:"from"`
		ReceivedAt     time.Time `json:"received_at"`
		AnsweredAt     time.Time `json:"answered_at"`
		EndedAt        time.Time `json:"ended_at"`
		Status         Status    `json:"status"`
		StatusCallback string    `json:"status_callback"`
		Faults         []Fault   `json:"faults"`
	}
	err := json.Unmarshal(b, &in)
	*e = Entry(in)
	return err
}

// unixNano is 0 for the zero time, and unixTime the reverse.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unixTime(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}

// entry is a call as the ledger tells it.
func (b *book) entry(r *row) Entry {
	c := &r.call
	met := c.faults
	if r.index < b.forgotten.Load() {
		met |= faultsOf(FaultForgotten)
	}
	return Entry{
		Sid: string(appendSid(nil, b.key, r.index)), To: c.to, From: c.from,
		ReceivedAt: unixTime(c.received), AnsweredAt: unixTime(c.answeredAt(r.now)), EndedAt: unixTime(c.ended),
		Status: c.status(r.now), StatusCallback: c.callback,
		Faults: met.list(),
	}
}

// Ledger is every call, in the order of receipt.
func (s *Server) Ledger() (out []Entry) {
	_ = s.book.each(func(r *row) error { // the function has no error
		out = append(out, s.book.entry(r))
		return nil
	})
	return out
}

// serveLedger writes the ledger as lines of JSON; ?to= keeps one number's.
func (s *Server) serveLedger(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	w.Header()["Content-Type"] = ndjsonType
	_ = s.book.each(func(r *row) error { // whoever hung up is not told
		if to != "" && r.call.to != to {
			return nil
		}
		line, err := s.book.entry(r).MarshalJSON()
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	})
}

// Summary counts the ledger.
type Summary struct {
	// Created is how many create requests became calls, with those of the ledger
	// file; Active how many of them have not ended.
	Created    int            `json:"created"`
	Active     int            `json:"active"`
	PeakActive int            `json:"peak_active"`
	ByStatus   map[Status]int `json:"by_status"`
	// Callbacks and Rejected are counted from the process's start on.
	Callbacks CallbackSummary `json:"callbacks"`
	// Rejected is how many create requests became no call, RejectedByCode why;
	// NoAnswerCode is that of requests that hung.
	Rejected       int         `json:"rejected"`
	RejectedByCode map[int]int `json:"rejected_by_code"`
	// PeakCreatesPerSecond is the most creates of any second, wherever it begins.
	PeakCreatesPerSecond int `json:"peak_creates_per_second"`
	// Faults counts what came to pass since the process's start: requests, callbacks,
	// outages; and the calls that are forgotten, with those of the ledger file.
	Faults map[Fault]int64 `json:"faults"`
}

// CallbackSummary counts callbacks.
type CallbackSummary struct {
	Sent      int64 `json:"sent"`      // attempts, retries with them
	Delivered int64 `json:"delivered"` // answered with 2xx
	Failed    int64 `json:"failed"`    // given up
	Retried   int64 `json:"retried"`
	Dropped   int64 `json:"dropped"` // by a fault, or because the call was forgotten
	Pending   int64 `json:"pending"` // due, and neither delivered nor given up yet
}

// Summary counts the ledger as it is now.
func (s *Server) Summary() Summary {
	out := s.book.summary()
	if n := s.line.cuts.Load(); n > 0 {
		out.Faults[FaultDown] = n
	}
	n := &s.delivery.counts
	out.Callbacks = CallbackSummary{
		Sent: n.sent.Load(), Delivered: n.delivered.Load(), Failed: n.failed.Load(),
		Retried: n.retried.Load(), Dropped: n.dropped.Load(), Pending: n.pending.Load(),
	}
	return out
}

func (b *book) summary() Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := Summary{
		Created: b.count, Active: b.active, PeakActive: b.peakActive, PeakCreatesPerSecond: b.peakSecond,
		ByStatus: map[Status]int{}, RejectedByCode: map[int]int{},
		Faults: map[Fault]int64{},
	}
	for f, n := range b.struck {
		if n > 0 {
			out.Faults[Fault(f)] = n
		}
	}
	if n := b.forgotten.Load(); n > 0 {
		out.Faults[FaultForgotten] = int64(n)
	}
	for code, n := range b.refused {
		out.RejectedByCode[code] = n
		out.Rejected += n
	}
	for s, n := range b.ended {
		if n > 0 {
			out.ByStatus[Status(s)] = n
		}
	}
	// Every call that is up has one timer.
	now := b.now()
	for _, t := range b.timers {
		if c := b.at(t.index); t.later == nil && c.ended == 0 {
			out.ByStatus[c.status(now)]++
		}
	}
	return out
}

func (s *Server) serveSummary(w http.ResponseWriter, _ *http.Request) {
	b, err := json.Marshal(s.Summary())
	if err != nil {
		s.fail(w, err)
		return
	}
	answer(w, http.StatusOK, append(b, '\n'))
}
