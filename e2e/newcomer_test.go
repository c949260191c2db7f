package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"dialtone/e2e/judge"
	"dialtone/internal/load"
)

// A campaign of 10 numbers that begins beside one of 100,000, which has taken all
// channels, has its first call placed with the next slots that free, and is done within
// 1.2 times the time that its fair share allows.
//
// That time, from first principles.  C channels are all up, with calls of mean length
// d, so slots free at a rate of C/d; no call is broken off for another.  Two campaigns
// of equal weight wait, and the newcomer holds less than its half of the channels until
// the end, as it has 10 numbers and half is 20.  The least that a fair share can mean
// is every other slot that frees; so the newcomer's tenth number is dialled when 20
// slots have been freed, at the latest 20·d/C after the start.  It is done when its
// last call is over, the longest of which takes L.
func TestFairShareOfANewcomer(t *testing.T) {
	t.Parallel()
	const (
		slots, crowd, few = 40, 100_000, 10
		mean, longest     = 1575 * time.Millisecond, 2100 * time.Millisecond // 1 to 2 s, and ringing
		allowed           = 2*few*mean/slots + longest
	)
	r := newRig(t, calls("1s-2s", allComplete), channels(slots))
	big := r.load(settings{"max_concurrent_calls": 100}, berlin(0, crowd))
	r.command(big, "start")
	r.until(big, 90*time.Second, func(c campaignJSON) bool { return c.Stats.Completed > 10*slots })
	t.Log("| newcomer | slots that went to the other first | first call | done | allowed |")
	for i := 1; i <= 3; i++ {
		id := r.load(settings{"max_concurrent_calls": 100}, berlin(i, few))
		began := time.Now()
		r.command(id, "start")
		answered := time.Now()
		r.until(id, 30*time.Second, ended)
		l := r.ledger()
		own := inArea(l, i)
		first, done := own.Receipts()[0], own.Ends()[few-1]
		before := len(inArea(l, 0).Within(judge.Span{From: answered, To: first}))
		t.Logf("| %d | %d | %v | %v | %v |", i, before, first.Sub(began).Round(time.Millisecond), done.Sub(began).Round(time.Millisecond), allowed)
		// Slots free each 40 ms, and it takes some time until the scheduler has heard of
		// the newcomer; it has the next one then.
		most, longer := 6, allowed*12/10
		if load.Raced {
			most, longer = 40, longer*raceSlack // a thousand times fewer than wait before it
		}
		_, late := stalls.within(judge.Span{From: answered, To: first})
		_, later := stalls.within(judge.Span{From: began, To: done})
		most, longer = most+int(late/(mean/slots)), longer+later // those that free in a stall
		assert.LessOrEqual(t, before, most, "slots that others took after the newcomer had started")
		assert.LessOrEqual(t, done.Sub(began), longer)
	}
	now := r.campaign(big)
	assert.Equal(t, crowd, now.Stats.Total)
	assert.Greater(t, now.Stats.Queued, crowd/2)
	r.command(big, "pause") // to cancel 100,000 calls takes a while
	assert.Equal(t, slots, r.ledger().Peak(), "all channels were in use")
}
