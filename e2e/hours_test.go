package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/internal/load"
)

// hereAndThere are two zones, twelve hours apart.
const here, there = "Etc/UTC", "Etc/GMT-12"

// openHere is a schedule by each number's clock that is open now here, and not there.
func openHere() settings {
	at := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("15:04") }
	return settings{"time_zone": "contact", "windows": []settings{{
		"days":  []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"},
		"start": at(-2 * time.Hour), "end": at(2 * time.Hour),
	}}}
}

// InHours, with hours of the contact's own: by the ledger only numbers of the open
// zone are called; who asks is told why; a change of the schedule counts at once.
func TestInHoursOfTheContact(t *testing.T) {
	on(t, func(t *testing.T, options ...option) {
		r := newRig(t, append(options, calls("20ms-60ms", someFail))...)
		id := r.load(settings{
			"max_concurrent_calls": 40, "schedule": openHere(), "default_time_zone": there,
			"retry": settings{"delay": "200ms", "by_disposition": settings{"busy": settings{"delay": "50ms"}}},
		}, nil)
		open, closed := berlin(1, 200), berlin(2, 200)
		r.upload(id, "phone,time_zone\n"+
			strings.Join(open, ","+here+"\n")+","+here+"\n"+strings.Join(closed, ","+there+"\n")+","+there+"\n")
		r.command(id, "start")
		c := r.until(id, 30*time.Second, func(c campaignJSON) bool { return c.WaitingReason == campaign.RuleOutsideHours })
		assert.Equal(t, 200, c.Stats.Queued)
		assert.Equal(t, campaign.StatusInProgress, c.Status)
		assert.Greater(t, time.Until(c.WaitingUntil), 7*time.Hour)
		assertEveryNumber(t, r.ledger(), open, 3)

		why := r.explain("/v1/campaigns/" + id)
		assert.Equal(t, campaign.RuleOutsideHours, why.Rule, why.Message)
		assert.WithinDuration(t, c.WaitingUntil, why.NextDialAt, time.Second)
		for _, call := range r.calls(id) {
			if call.Status == campaign.CallQueued {
				assert.Equal(t, campaign.RuleOutsideHours, r.explain("/v1/calls/"+call.ID).Rule)
				break
			}
		}
		r.do(http.MethodPatch, "/v1/campaigns/"+id, settings{"schedule": nil}, nil)
		r.until(id, 30*time.Second, ended)
		l := r.ledger()
		assertEveryNumber(t, l, append(open, closed...), 3)
		assertNeverTwice(t, l)
		assertAgree(t, r.campaign(id), l)
	})
}

// A campaign that is started before its start_at waits for it, through a restart; and
// at its end_at what is left expires.  Nothing is dialled before, nor after.
func TestInHoursFromStartToEnd(t *testing.T) {
	on(t, func(t *testing.T, options ...option) {
		t.Parallel() // most of it is waiting
		r := newRig(t, append(options, calls("100ms-300ms", allComplete))...)
		ahead := 10 * time.Second // it is loaded, started, and begun anew by then
		some := 100
		if load.Raced {
			ahead, some = 2*ahead, 20
		}
		start := time.Now().Add(ahead)
		end := start.Add(5 * time.Second)
		id := r.load(settings{"max_concurrent_calls": 20, "schedule": settings{
			"start_at": start.UTC().Format(time.RFC3339Nano), "end_at": end.UTC().Format(time.RFC3339Nano),
		}}, berlin(3, 2000))
		c := r.command(id, "start")
		assert.Equal(t, campaign.StatusPending, c.Status)
		assert.Equal(t, campaign.RuleStartAhead, c.WaitingReason)
		r.stop()
		r.start()
		assert.Equal(t, campaign.RuleStartAhead, r.explain("/v1/campaigns/"+id).Rule)
		c = r.until(id, ahead+30*time.Second, ended)
		assert.Equal(t, campaign.StatusCompleted, c.Status)
		l := r.ledger()
		require.Greater(t, len(l), some, "it dialled while it was open")
		require.Less(t, len(l), 2000, "and was not done at its end")
		for _, e := range l {
			assert.False(t, e.ReceivedAt.Before(start), "%s was dialled before the start, at %v", e.To, e.ReceivedAt)
			assert.True(t, e.ReceivedAt.Before(end), "%s was dialled after the end, at %v", e.To, e.ReceivedAt)
		}
		assert.Equal(t, len(l), c.Stats.Completed, "the calls that were up were told to their end")
		assert.Equal(t, 2000-len(l), c.Stats.Failed)
		assertNeverTwice(t, l)
		expired := 0
		for _, call := range r.calls(id) {
			if call.Reason == campaign.ReasonExpired {
				expired++
			}
		}
		assert.Equal(t, c.Stats.Failed, expired)
	})
}

// A closed campaign holds nobody up, and opens when it is told to.
func TestInHoursAClosedCampaignBesideAnOpenOne(t *testing.T) {
	r := newRig(t, calls("10ms-30ms", allComplete))
	closed := r.load(settings{"schedule": settings{"time_zone": "UTC", "windows": []settings{}, "closed_dates": []string{
		time.Now().UTC().Format(time.DateOnly), time.Now().UTC().Add(24 * time.Hour).Format(time.DateOnly),
	}}}, berlin(4, 50))
	open := r.load(settings{}, berlin(5, 50))
	r.command(closed, "start")
	r.command(open, "start")
	r.until(open, 20*time.Second, ended)
	assert.Empty(t, r.ledger().Only(berlin(4, 50)))
	r.do(http.MethodPatch, "/v1/campaigns/"+closed, settings{"schedule": nil}, nil)
	r.until(closed, 20*time.Second, ended)
	assert.Len(t, r.ledger().Only(berlin(4, 50)), 50)
}
