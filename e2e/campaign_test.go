package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/e2e/judge"
	"dialtone/internal/load"
)

const someFail = "completed=70,busy=10,no-answer=10,failed=10"

// on runs a test on both stores.
func on(t *testing.T, f func(t *testing.T, options ...option)) {
	t.Run("sqlite", func(t *testing.T) { f(t) })
	t.Run("postgres", func(t *testing.T) { f(t, onPostgres) })
}

// A campaign of 1,000 with 30 % failing calls ends with statistics that add up,
// and the ledger agrees.
func TestNothingLostInACampaignOfAThousand(t *testing.T) {
	on(t, func(t *testing.T, options ...option) {
		length := "50ms-450ms"
		if load.Raced { // fewer calls a second are up as many at once
			length = "200ms-1200ms"
		}
		r := newRig(t, append(options, calls(length, someFail))...)
		numbers := berlin(0, 1000)
		const limit, delay = 60, 500 * time.Millisecond
		id := r.load(settings{"max_concurrent_calls": limit, "retry": settings{"max_attempts": 3, "delay": delay.String()}}, numbers)
		r.command(id, "start")
		c := r.until(id, 2*time.Minute, ended)
		l := r.ledger()
		assert.Equal(t, campaign.StatusCompleted, c.Status)
		assert.Equal(t, 1000, c.Stats.Total)
		assertAgree(t, c, l)
		assertEveryNumber(t, l, numbers, 3)
		assertNeverTwice(t, l)
		assertRetriesFirst(t, l, delay)
		assert.LessOrEqual(t, l.Peak(), limit, "WithinLimit")
		most := limit * 9 / 10
		if load.Raced { // two cores do some 130 calls a second then, or fewer
			most = limit / 2
		}
		assert.GreaterOrEqual(t, l.Peak(), most, "the limit was used")
		assertRecords(t, r.calls(id), l)
	})
}

// 200 campaigns of 100 numbers at once end, each within its limit.
func TestWithinLimitOfTwoHundredCampaigns(t *testing.T) {
	r := newRig(t, calls("10ms-60ms", "completed=90,busy=10"))
	const campaigns, size = 200, 100
	ids := make([]string, campaigns)
	limits := make([]int, campaigns)
	for i := range ids {
		limits[i] = 1 + i%10
		ids[i] = r.load(settings{"name": fmt.Sprint("c", i), "max_concurrent_calls": limits[i],
			"retry": settings{"max_attempts": 2, "delay": "100ms"}}, berlin(i, size))
	}
	for _, id := range ids {
		r.command(id, "start")
	}
	for _, id := range ids {
		c := r.until(id, 2*time.Minute, ended)
		assert.Equal(t, size, c.Stats.Completed+c.Stats.Failed)
	}
	l := r.ledger()
	for i := range ids {
		own := l.Only(berlin(i, size))
		assertEveryNumber(t, own, berlin(i, size), 2)
		assert.LessOrEqual(t, own.Peak(), limits[i], "campaign %d", i)
	}
	assertNeverTwice(t, l)
}

// singleBar is wider under the race detector, where a call waits for two busy cores.
func singleBar(bar time.Duration) time.Duration {
	if load.Raced {
		return bar * raceSlack * raceSlack
	}
	return 2 * bar // the metronome does not see what the database stood still
}

// A single call is never stuck behind a bulk campaign.
func TestFairShareOfASingleCall(t *testing.T) {
	const (
		limit = 50
		call  = 105 * time.Millisecond // with ringing
		bar   = 500 * time.Millisecond
	)
	r := newRig(t, calls("100ms", allComplete))
	id := r.load(settings{"max_concurrent_calls": limit}, berlin(0, 3000))
	r.command(id, "start")
	r.until(id, 30*time.Second, func(c campaignJSON) bool { return c.Stats.Completed > 100 })
	began := time.Now()
	var made callJSON
	r.do(http.MethodPost, "/v1/calls", settings{"to": "+12025550123"}, &made)
	for made.Status != campaign.CallCompleted {
		require.Less(t, time.Since(began), 20*time.Second)
		pause(t, 10*time.Millisecond)
		r.do(http.MethodGet, "/v1/calls/"+made.ID, nil, &made)
	}
	l := r.ledger()
	i := slices.IndexFunc(l, func(e entry) bool { return e.To == "+12025550123" })
	received := l[i].ReceivedAt
	// What a machine is late by, it is late with for all: others go first in so far as
	// they are dialled meanwhile.
	assert.LessOrEqual(t, inArea(l, 0).Between(began, received), int(limit*bar/call), "no more went first than are dialled in that time at most")
	stall, _ := stalls.within(judge.Span{From: began, To: received})
	assert.Less(t, received.Sub(began), singleBar(bar)+stall)
	assert.False(t, r.campaign(id).Status.Ended(), "the campaign was still busy: else the test shows nothing")
	r.command(id, "cancel")
}

// Once pause has answered, no further number is dialled; resume goes on; the
// same for cancel.
func TestStopMeansStop(t *testing.T) {
	r := newRig(t, calls("30ms-80ms", allComplete))
	numbers := berlin(0, 1500)
	id := r.load(settings{"max_concurrent_calls": 40}, numbers)
	r.command(id, "start")
	for _, done := range []int{100, 300, 500} {
		r.until(id, 10*time.Second, func(c campaignJSON) bool { return c.Stats.Completed >= done })
		assert.Equal(t, campaign.StatusPaused, r.command(id, "pause").Status)
		before := len(r.ledger())
		pause(t, 300*time.Millisecond)
		assert.Len(t, r.ledger(), before, "dialled after pause had answered")
		now := r.until(id, 5*time.Second, func(c campaignJSON) bool { return c.Stats.InProgress == 0 })
		assert.Equal(t, before, now.Stats.Completed)
		r.command(id, "resume")
	}
	r.until(id, 10*time.Second, func(c campaignJSON) bool { return c.Stats.Completed >= 600 })
	r.command(id, "cancel")
	before := len(r.ledger())
	c := r.until(id, 5*time.Second, func(c campaignJSON) bool { return c.Stats.Open() == 0 })
	assert.Len(t, r.ledger(), before, "dialled after cancel had answered")
	assert.Equal(t, campaign.StatusCanceled, c.Status)
	assert.Equal(t, before, c.Stats.Completed)
	assert.Equal(t, 1500-before, c.Stats.Canceled)
}

// Settings change live, contacts are added while the campaign runs, a number sent
// again counts once.
func TestWithinLimitWhenSettingsChange(t *testing.T) {
	r := newRig(t, calls("400ms-600ms", allComplete)) // long enough for many to be up at once on a busy machine
	numbers := berlin(0, 500)
	id := r.load(settings{"max_concurrent_calls": 5}, numbers[:200])
	r.command(id, "start")
	r.until(id, 30*time.Second, func(c campaignJSON) bool { return c.Stats.Completed >= 40 })
	assert.LessOrEqual(t, r.ledger().Peak(), 5)
	r.add(id, numbers)
	r.do(http.MethodPatch, "/v1/campaigns/"+id, settings{"max_concurrent_calls": 60}, nil)
	c := r.until(id, time.Minute, ended)
	assert.Equal(t, 500, c.Stats.Completed)
	l := r.ledger()
	assertEveryNumber(t, l, numbers, 1)
	assert.Greater(t, l.Peak(), 20, "the new limit was used")
	assert.LessOrEqual(t, l.Peak(), 60)
}

// Stopped in good order and started again, a campaign goes on where it stopped.
func TestNothingLostOverARestart(t *testing.T) {
	on(t, func(t *testing.T, options ...option) {
		r := newRig(t, append(options, calls("50ms-300ms", someFail))...)
		numbers := berlin(0, 600)
		id := r.load(settings{"max_concurrent_calls": 30, "retry": settings{"delay": "200ms"}}, numbers)
		r.command(id, "start")
		for _, done := range []int{100, 250} {
			r.until(id, 30*time.Second, func(c campaignJSON) bool { return c.Stats.Completed >= done })
			began := time.Now()
			r.stop()
			assert.Less(t, time.Since(began), 10*time.Second)
			r.start()
		}
		c := r.until(id, 30*time.Second, ended)
		l := r.ledger()
		assertAgree(t, c, l)
		assertEveryNumber(t, l, numbers, 3)
		assertNeverTwice(t, l)
		assert.LessOrEqual(t, l.Peak(), 30)
	})
}
