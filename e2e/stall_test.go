package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"

	"dialtone/e2e/judge"
)

const (
	beat = 5 * time.Millisecond
	// ordinary is how late a beat comes on a quiet machine: no stall, so that bars are
	// there what they say.
	ordinary = 20 * time.Millisecond
)

// metronome tells when this process stood still: a machine that is busy with others adds
// that to any delay, and no bar is meant to hold it.
type metronome struct {
	stopped chan struct{}
	running conc.WaitGroup

	mu     sync.Mutex
	stalls []judge.Span // from when a beat was due to when it came
}

// stalls are those of this process, from its start to its end.
var stalls = startMetronome()

func startMetronome() *metronome {
	m := &metronome{stopped: make(chan struct{})}
	m.running.Go(m.run)
	return m
}

func (m *metronome) stop() { close(m.stopped); m.running.Wait() }

func (m *metronome) run() {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for due := time.Now().Add(beat); ; due = time.Now().Add(beat) {
		select {
		case <-m.stopped:
			return
		case <-timer.C:
		}
		if now := time.Now(); now.Sub(due) > ordinary {
			m.add(judge.Span{From: due, To: now})
		}
		timer.Reset(beat)
	}
}

func (m *metronome) add(s judge.Span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stalls = append(m.stalls, s)
}

// within is the longest stall of a span, and how long all of them were: as far as they
// lie in it.
func (m *metronome) within(s judge.Span) (worst, sum time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, stall := range m.stalls {
		from, to := stall.From, stall.To
		if from.Before(s.From) {
			from = s.From
		}
		if to.After(s.To) {
			to = s.To
		}
		if lost := to.Sub(from); lost > 0 {
			worst, sum = max(worst, lost), sum+lost
		}
	}
	return worst, sum
}

func TestStallsWithinASpan(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	m := &metronome{stalls: []judge.Span{{From: at(0), To: at(100)}, {From: at(200), To: at(230)}, {From: at(300), To: at(500)}}}
	worst, sum := m.within(judge.Span{From: at(40), To: at(320)})
	assert.Equal(t, 60*time.Millisecond, worst, "the rest of the first is longer than what the span has of the last")
	assert.Equal(t, 110*time.Millisecond, sum)
}
