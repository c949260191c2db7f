package scheduler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/internal/load"
	"dialtone/provider"
	"dialtone/store"
)

// sure is an oracle that takes what was seen for what comes.
func sure(o *oracle) *oracle {
	o.sure = true
	o.fresh()
	return o
}

// The percentiles are in order, and apart where there is chance in it.
func TestForecastIsARange(t *testing.T) {
	o := sure(newOracle(t, 10))
	o.unhurried = true
	o.running(2, 1000, failingHalf)
	for _, deadline := range []time.Duration{0, 24 * time.Hour, time.Minute} {
		o.running(2, 1000, failingHalf, func(c *campaign.Campaign) {
			c.Retry.Delay = campaign.Duration(10 * time.Second)
			if deadline > 0 {
				c.Deadline = o.now.Add(deadline)
			}
		})
		f := o.ask(2)
		require.Equal(t, 20, f.Runs)
		require.True(t, f.Finish.Earliest.Before(f.Finish.Expected) && f.Finish.Expected.Before(f.Finish.Latest), "%v", f.Finish)
		require.InEpsilon(t, 1750, o.in(f, f.Finish.Expected), 0.05, "1000, a half, and a quarter of those again")
		switch deadline {
		case 0:
			require.Nil(t, f.MeetsDeadline)
		case time.Minute:
			require.Zero(t, *f.MeetsDeadline)
		default:
			require.InDelta(t, 1, *f.MeetsDeadline, 0)
		}
		if deadline > 0 {
			continue
		}
		o.running(2, 1000, failingHalf, func(c *campaign.Campaign) {
			c.Retry.Delay, c.Deadline = campaign.Duration(10*time.Second), f.Finish.Expected
		})
		require.InDelta(t, 0.5, *o.ask(2).MeetsDeadline, 0.2)
	}
}

// One that is armed begins when its start comes, and one beside it knows that.
func TestForecastOfAnArmed(t *testing.T) {
	o := sure(newOracle(t, 10))
	armed := func(c *campaign.Campaign) {
		c.Status, c.Armed, c.Schedule.StartAt = campaign.StatusPending, true, o.now.Add(time.Hour)
	}
	o.running(2, 1000, armed)
	f := o.ask(2)
	require.InEpsilon(t, 3600+1000, o.in(f, f.Finish.Expected), 0.01)
	o.running(2, 7200, func(*campaign.Campaign) {}) // two hours by itself
	o.running(3, 1_000_000, armed)
	f = o.ask(2)
	require.InEpsilon(t, 3600+2*3600, o.in(f, f.Finish.Expected), 0.01, "alone for an hour")
	o.running(3, 1_000_000, func(c *campaign.Campaign) { c.Status = campaign.StatusPaused })
	f = o.ask(2)
	require.InEpsilon(t, 7200, o.in(f, f.Finish.Expected), 0.01, "who is paused takes nothing")
}

// Competitors have their own hours.
func TestForecastBesideHours(t *testing.T) {
	o := sure(newOracle(t, 10))
	o.now = time.Date(2026, 3, 2, 16, 0, 0, 0, time.UTC)
	o.running(2, 7200)
	o.running(3, 1_000_000, nineToFive)
	f := o.ask(2)
	require.InEpsilon(t, 3600+5400, o.in(f, f.Finish.Expected), 0.01, "half until 17:00, and all after it")
	o.shelf.zones = []store.Zone{{ID: 1, Zones: "Asia/Tokyo"}, {ID: 2, Zones: "Asia/Seoul"}}
	o.running(3, 1_000_000, nineToFive, func(c *campaign.Campaign) { c.Schedule.TimeZone = campaign.ZoneOfContact })
	f = o.ask(2)
	require.InEpsilon(t, 7200, o.in(f, f.Finish.Expected), 0.01, "it is one in the morning there")
}

// Numbers that nobody may dial are said, and spoil nothing else.
func TestForecastOfNumbersWithoutHours(t *testing.T) {
	o := sure(newOracle(t, 10))
	o.shelf.zones = []store.Zone{{ID: 0}, {ID: 1, Zones: "Europe/Berlin"}}
	o.shelf.waiting = map[campaign.ZoneID]store.Backlog{0: {Queued: 7}, 1: {Queued: 50, RetryWait: 3}}
	contact := func(c *campaign.Campaign) {
		nineToFive(c)
		c.Schedule.TimeZone = campaign.ZoneOfContact
	}
	o.running(2, 57, contact)
	f := o.ask(2)
	require.False(t, f.Finishes)
	require.Contains(t, f.Reason, "7 of its numbers")
	require.Len(t, f.Closing, 1)
	require.Equal(t, "Europe/Berlin", f.Closing[0].TimeZone)
	require.Zero(t, f.Closing[0].ExpectedLeft)
	o.running(2, 57, contact, func(c *campaign.Campaign) { c.DefaultTimeZone = "Asia/Tokyo" })
	f = o.ask(2)
	require.True(t, f.Finishes, f.Reason)
	require.Equal(t, "Asia/Tokyo", f.Closing[1].TimeZone, "of the unknown, the default")
}

func TestForecastOfWhatIsLeftUndone(t *testing.T) {
	o := sure(newOracle(t, 1))
	o.running(2, 10_000, func(c *campaign.Campaign) { c.Schedule.EndAt = o.now.Add(time.Hour) })
	f := o.ask(2)
	require.False(t, f.Finishes)
	require.Contains(t, f.Reason, "about 9640 of its calls")
	require.Zero(t, *f.MeetsDeadline)
	require.InDelta(t, 10_000-360, f.Closing[0].ExpectedLeft, 2)
	require.Equal(t, o.now.Add(time.Hour), f.Closing[0].ClosesAt)

	o.running(2, 1_000_000)
	require.Contains(t, o.ask(2).Reason, "sixty days")
	o.running(2, 0, func(c *campaign.Campaign) { c.Stats.InProgress = 1 })
	f = o.ask(2)
	require.True(t, f.Finishes, "its last call has ended, but for the commit")
	require.Zero(t, o.in(f, f.Finish.Latest))
}

// However many campaigns, zones and deadlines there are, the answer comes soon.
func TestForecastKeepsItsBudget(t *testing.T) {
	zones := make([]store.Zone, 400)
	waiting := map[campaign.ZoneID]store.Backlog{}
	for i := range zones {
		zones[i] = store.Zone{ID: campaign.ZoneID(i + 1), Zones: campaign.ZonesOf([]string{"Europe/Berlin", "Asia/Tokyo", "America/Chicago", "Asia/Kolkata", "Pacific/Auckland"}[i%5])}
		waiting[zones[i].ID] = store.Backlog{Queued: 100}
	}
	contact := func(c *campaign.Campaign) {
		nineToFive(c)
		c.Schedule.TimeZone, c.Deadline = campaign.ZoneOfContact, time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	o := sure(newOracle(t, 9))
	o.shelf.zones, o.shelf.waiting = zones, waiting
	for id := range campaign.ID(1000) {
		o.running(3+id, 50_000, contact, failingHalf)
	}
	for name, c := range map[string]func(*campaign.Campaign){"by zones": contact, "always open": func(*campaign.Campaign) {}} {
		for _, s := range []string{"fair", "deadline"} {
			o.use(s)
			o.running(2, 40_000, c, failingHalf)
			began := load.CPU()
			f := o.ask(2)
			took := load.CPU() - began
			t.Logf("%s, %s: %d runs in %v; %s", name, s, f.Runs, took.Round(time.Millisecond), f.Reason)
			require.Less(t, took, min(load.Slack(12*time.Second), 30*time.Second), "the aim is 2 s")
			require.False(t, f.Finishes)
		}
	}
}

// slowShelf answers each question after a while, or not at all.
type slowShelf struct {
	*shelf
	wait  time.Duration
	asked chan campaign.ID
	until chan struct{}
	deaf  bool // it does not hear that the asker gives up
}

func (s *slowShelf) Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error) {
	if s.asked != nil {
		s.asked <- id
	}
	if s.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-s.until:
	case <-time.After(s.wait):
	case <-ctx.Done():
		return campaign.Campaign{}, fmt.Errorf("read a campaign: %w", ctx.Err())
	}
	return s.shelf.Campaign(ctx, id)
}

// A slow store costs knowledge of the others, not the forecast; one that does not answer
// is said.
func TestForecastFromASlowStore(t *testing.T) {
	o := sure(newOracle(t, 10))
	for id := range campaign.ID(100) {
		o.running(3+id, 100_000)
	}
	o.running(2, 1000, nineToFive)
	ask := func(wait time.Duration) (scheduler.Forecast, error) {
		c := scheduler.NewCandidate(scheduler.Config{Node: "n1", Campaigns: &slowShelf{shelf: o.shelf, wait: wait}, Logger: bustest.Logger(t)})
		return scheduler.ForecastOf(t.Context(), c, o.core, 2, o.now)
	}
	f, err := ask(50 * time.Millisecond)
	require.NoError(t, err)
	require.Len(t, f.Closing[0].Examples, 5)
	_, err = ask(time.Hour)
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
	require.ErrorContains(t, err, "database")
}

// A leader that does not know all campaigns yet says so.
func TestForecastOfANewLeader(t *testing.T) {
	o := sure(newOracle(t, 10))
	o.running(2, 1000)
	o.lead(o.n.seen.Term+1, only(10, 0))
	_, err := scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
	require.ErrorContains(t, err, "new leader")
}

// Forecasts are reckoned one at a time.  Who asks for the same one gets what was
// reckoned for another, and when too many wait, the next is refused at once.
func TestCandidateForecastsInTurn(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 100, 50)
	o := sure(newOracle(t, 5))
	for id := range campaign.ID(12) {
		o.running(2+id, 95)
	}
	// It is deaf so that a busy machine has more time to ask than the store has to answer.
	slow := &slowShelf{shelf: o.shelf, wait: time.Hour, asked: make(chan campaign.ID, 1000), until: make(chan struct{}), deaf: true}
	c := scheduler.NewCandidate(scheduler.Config{
		Node: "n1", Bus: b, Settings: &settings{}, Campaigns: slow, Logger: bustest.Logger(t),
		Limits: map[string]provider.Limits{"a": {Channels: 5}},
	})
	require.NoError(t, c.Start(t.Context()))
	defer c.Stop()
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)

	results := make(chan error, 70)
	var asking conc.WaitGroup
	ask := func(id campaign.ID) {
		asking.Go(func() {
			var f scheduler.Forecast
			results <- b.AskOnce(t.Context(), bus.SubjectRole(bus.ServiceScheduler, "forecast"), map[string]any{"campaign": id}, &f)
		})
	}
	ask(2)
	require.Equal(t, campaign.ID(2), <-slow.asked)
	for id := range campaign.ID(12) { // no more: each must have its turn within its patience
		ask(2)
		ask(2 + id)
	}
	for range 4 { // of others than the first; seven wait with it
		require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(<-results))
	}
	require.Equal(t, "n1", stats(t, b).Leader, "meanwhile it answers")
	require.Empty(t, slow.asked, "nobody else's is begun")
	close(slow.until)
	asking.Wait()
	for range 1 + 12 + 1 + 7 {
		require.NoError(t, <-results)
	}
}

// The end does not wait for forecasts.
func TestCandidateStopsWhileItForecasts(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 100, 50)
	o := sure(newOracle(t, 5))
	o.running(2, 95)
	slow := &slowShelf{shelf: o.shelf, wait: time.Hour, asked: make(chan campaign.ID, 1000)}
	c := scheduler.NewCandidate(scheduler.Config{
		Node: "n1", Bus: b, Settings: &settings{}, Campaigns: slow, Logger: bustest.Logger(t),
		Limits: map[string]provider.Limits{"a": {Channels: 5}},
	})
	require.NoError(t, c.Start(t.Context()))
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	ctx, cancel := context.WithCancel(t.Context())
	var asking conc.WaitGroup
	asking.Go(func() {
		_ = b.AskOnce(ctx, bus.SubjectRole(bus.ServiceScheduler, "forecast"), map[string]any{"campaign": "cmp_2"}, nil)
	})
	<-slow.asked
	began := time.Now()
	c.Stop()
	require.Less(t, time.Since(began), time.Second)
	cancel()
	asking.Wait()
}
