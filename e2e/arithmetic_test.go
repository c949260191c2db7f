package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// span is a stretch of time; its end does not belong to it.
type span struct{ from, to time.Time }

func (s span) seconds() float64 { return s.to.Sub(s.from).Seconds() }

// within keeps the calls received in a span.
func (l ledger) within(s span) (out ledger) {
	for _, e := range l {
		if !e.ReceivedAt.Before(s.from) && e.ReceivedAt.Before(s.to) {
			out = append(out, e)
		}
	}
	return out
}

// slotSeconds is how long the calls held a channel within a span, all together.  A
// call that has not ended holds its channel.
func (l ledger) slotSeconds(s span) (sum float64) {
	for _, e := range l {
		from, to := e.ReceivedAt, e.EndedAt
		if from.Before(s.from) {
			from = s.from
		}
		if to.IsZero() || to.After(s.to) {
			to = s.to
		}
		sum += max(0, to.Sub(from).Seconds())
	}
	return sum
}

// utilisation is the part of the channels' time in a span that calls took.
func (l ledger) utilisation(s span, channels int) float64 {
	return l.slotSeconds(s) / (float64(channels) * s.seconds())
}

// busiest is the largest number of calls received in any stretch of that length,
// wherever it begins.
func (l ledger) busiest(length time.Duration) (most int) {
	at := l.receipts()
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= length {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// receipts and ends are the calls' times, ascending.
func (l ledger) receipts() []time.Time {
	out := make([]time.Time, 0, len(l))
	for _, e := range l {
		out = append(out, e.ReceivedAt)
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func (l ledger) ends() (out []time.Time) {
	for _, e := range l {
		if !e.EndedAt.IsZero() {
			out = append(out, e.EndedAt)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// refills are the times from a freed slot to the create request that takes it, for
// the slots that were freed in a span.
//
// With so many channels and numbers always waiting, the first create requests take
// the channels, each one; from then on the k-th call to end, in the order of
// ended_at, frees the slot that create request number channels+k takes, in the order
// of received_at: no earlier one can have it, as there were that many ends and no
// more.  Whose slot it was by name does not matter.
func (l ledger) refills(channels int, s span) (out []time.Duration) {
	at, ends := l.receipts(), l.ends()
	for k := 0; k < len(ends) && channels+k < len(at); k++ {
		if !ends[k].Before(s.from) && ends[k].Before(s.to) {
			out = append(out, at[channels+k].Sub(ends[k]))
		}
	}
	return out
}

// quantile is the smallest of the durations that the part p of them does not exceed.
func quantile(of []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// jain is Jain's index of fairness (Jain, Chiu, Hawe 1984): 1 if all have the same, 1/n
// if one has everything.
func jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// at is a moment of the examples, in seconds.
func at(seconds float64) time.Time {
	return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func call(from, to float64) entry { return entry{ReceivedAt: at(from), EndedAt: at(to)} }

func TestArithmeticOfSlots(t *testing.T) {
	up := entry{ReceivedAt: at(3)} // has not ended
	l := ledger{call(0, 2), call(1, 6), call(2, 4), up}
	assert.InDelta(t, 2+5+2+7, l.slotSeconds(span{at(0), at(10)}), 1e-9)
	assert.InDelta(t, 1+3+2+1, l.slotSeconds(span{at(1), at(4)}), 1e-9)
	assert.Zero(t, l[:3].slotSeconds(span{at(7), at(9)}))
	assert.InDelta(t, 0.5, l.utilisation(span{at(1), at(3)}, 4), 1e-9)
	assert.Equal(t, 3, l.peak(), "a slot that is freed can be taken at the same moment")
	assert.Len(t, l.within(span{at(1), at(3)}), 2)
}

func TestArithmeticOfRates(t *testing.T) {
	l := ledger{call(0, 1), call(0.5, 1), call(0.999, 2), call(1, 2), call(1.2, 3), call(5, 6)}
	assert.Equal(t, 4, l.busiest(time.Second), "from 0.5 on; what comes a whole second later is another second's")
	assert.Equal(t, 2, l.busiest(200*time.Millisecond))
	assert.Equal(t, 6, l.busiest(time.Minute))
	assert.Zero(t, ledger(nil).busiest(time.Second))
}

func TestArithmeticOfRefills(t *testing.T) {
	l := ledger{call(0, 5), call(0.1, 2), call(2.5, 4), call(4.25, 9), call(5, 9)}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{500 * ms, 250 * ms, 0}, l.refills(2, span{at(0), at(10)}))
	require.Equal(t, []time.Duration{250 * ms}, l.refills(2, span{at(3), at(5)}))
	assert.Equal(t, 250*ms, quantile(l.refills(2, span{at(0), at(10)}), 0.5))
	assert.Equal(t, 500*ms, quantile(l.refills(2, span{at(0), at(10)}), 0.99))
	assert.Equal(t, 7*ms, quantile([]time.Duration{7 * ms}, 0.5))
}

func TestArithmeticOfJain(t *testing.T) {
	assert.InDelta(t, 1, jain([]float64{3, 3, 3}), 1e-9)
	assert.InDelta(t, 0.25, jain([]float64{0, 0, 7, 0}), 1e-9)
	assert.InDelta(t, 0.9, jain([]float64{1, 2}), 1e-9)
}
