package judge

import (
	"slices"
	"time"
)

// Span is a stretch of time; its end does not belong to it.
type Span struct{ From, To time.Time }

// Seconds is its length.
func (s Span) Seconds() float64 { return s.To.Sub(s.From).Seconds() }

// Has reports whether a moment lies in it.
func (s Span) Has(at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }

// Within keeps the calls received in a span.
func (l Ledger) Within(s Span) (out Ledger) {
	for _, e := range l {
		if s.Has(e.ReceivedAt) {
			out = append(out, e)
		}
	}
	return out
}

// Between counts the calls received in a time.
func (l Ledger) Between(from, to time.Time) int { return len(l.Within(Span{from, to})) }

// Peak is the most calls that were up at one moment.
func (l Ledger) Peak() int {
	most, _ := l.peak()
	return most
}

// peak also tells the first moment at which so many were up.  A call that ends at a
// moment makes room for one that is received at it.
func (l Ledger) peak() (most int, at time.Time) {
	type edge struct {
		at time.Time
		by int
	}
	edges := make([]edge, 0, 2*len(l))
	for _, e := range l {
		edges = append(edges, edge{e.ReceivedAt, 1})
		if !e.EndedAt.IsZero() {
			edges = append(edges, edge{e.EndedAt, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by
	})
	up := 0
	for _, e := range edges {
		if up += e.by; up > most {
			most, at = up, e.at
		}
	}
	return most, at
}

// Busiest is the largest number of calls received in any stretch of that length,
// wherever it begins.
func (l Ledger) Busiest(length time.Duration) int {
	most, _ := l.busiest(length)
	return most
}

// busiest also tells when the first such stretch began.
func (l Ledger) busiest(length time.Duration) (most int, from time.Time) {
	at := l.Receipts()
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= length {
			first++
		}
		if n := i - first + 1; n > most {
			most, from = n, at[first]
		}
	}
	return most, from
}

// Receipts are the times at which the calls were asked for, ascending.
func (l Ledger) Receipts() []time.Time {
	out := make([]time.Time, 0, len(l))
	for _, e := range l {
		out = append(out, e.ReceivedAt)
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// Ends are the times at which calls ended, ascending.
func (l Ledger) Ends() (out []time.Time) {
	for _, e := range l {
		if !e.EndedAt.IsZero() {
			out = append(out, e.EndedAt)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// SlotSeconds is how long the calls held a channel within a span, all together.  A
// call that has not ended holds its channel.
func (l Ledger) SlotSeconds(s Span) (sum float64) {
	for _, e := range l {
		from, to := e.ReceivedAt, e.EndedAt
		if from.Before(s.From) {
			from = s.From
		}
		if to.IsZero() || to.After(s.To) {
			to = s.To
		}
		sum += max(0, to.Sub(from).Seconds())
	}
	return sum
}

// Utilisation is the part of the channels' time in a span that calls took.
func (l Ledger) Utilisation(s Span, channels int) float64 {
	return l.SlotSeconds(s) / (float64(channels) * s.Seconds())
}

// Refills are the times from a freed slot to the create request that takes it, for
// the slots that were freed in a span.
//
// With so many channels and numbers always waiting, the first create requests take
// the channels, each one; from then on the k-th call to end, in the order of
// ended_at, frees the slot that create request number channels+k takes, in the order
// of received_at: no earlier one can have it, as there were that many ends and no
// more.  Whose slot it was by name does not matter.  A slot that nothing has taken by
// now counts as taken now.
func (l Ledger) Refills(channels int, s Span, now time.Time) (out []time.Duration) {
	at, ends := l.Receipts(), l.Ends()
	for k := range ends {
		if !s.Has(ends[k]) {
			continue
		}
		taken := now
		if channels+k < len(at) {
			taken = at[channels+k]
		}
		out = append(out, taken.Sub(ends[k]))
	}
	return out
}
