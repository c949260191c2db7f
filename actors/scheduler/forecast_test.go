package scheduler_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/internal/load"
	"dialtone/provider"
	"dialtone/store"
)

// shelf is a store's campaigns.
type shelf struct {
	campaigns map[campaign.ID]campaign.Campaign
	zones     []store.Zone
	waiting   map[campaign.ZoneID]store.Backlog // of all campaigns alike
}

func (s *shelf) Campaign(_ context.Context, id campaign.ID) (campaign.Campaign, error) {
	c, ok := s.campaigns[id]
	if !ok {
		return c, campaign.NotFound("There is no campaign %v.", id)
	}
	return c, nil
}

func (s *shelf) Zones(context.Context, campaign.ID) ([]store.Zone, error) { return s.zones, nil }

func (s *shelf) Waiting(context.Context, campaign.ID) (map[campaign.ZoneID]store.Backlog, error) {
	return s.waiting, nil
}

func (s *shelf) Queued(_ context.Context, _ campaign.ID, zone campaign.ZoneID, _ campaign.CallID, limit int) ([]store.Waiting, error) {
	out := make([]store.Waiting, limit)
	for i := range out {
		out[i] = store.Waiting{ID: campaign.CallID(100*int(zone) + i + 1)}
	}
	return out, nil
}

func (s *shelf) Call(_ context.Context, id campaign.CallID) (c campaign.Call, _ error) {
	c.ID, c.Phone = id, fmt.Sprintf("+1%010d", id)
	return c, nil
}

// oracle is a leader whose core has granted nothing yet.
type oracle struct {
	*stage
	t     *testing.T
	shelf *shelf
	c     *scheduler.Candidate
	n     *node
	sure  bool // of what was seen

	unhurried bool // it plays as many runs as the events allow, however long that takes
}

func newOracle(t *testing.T, channels int) *oracle { return newOracleAt(t, channels, 0) }

func newOracleAt(t *testing.T, channels int, rate float64) *oracle {
	o := &oracle{t: t, shelf: &shelf{campaigns: map[campaign.ID]campaign.Campaign{}}}
	o.stage, o.n = started(t, channels, rate)
	o.fresh()
	return o
}

// fresh forgets earlier answers.
func (o *oracle) fresh() {
	o.c = scheduler.NewCandidate(scheduler.Config{Node: "n1", Campaigns: o.shelf, Logger: slog.New(slog.DiscardHandler)})
	if o.sure {
		scheduler.Sure(o.c)
	}
	if o.unhurried {
		scheduler.Coarsen(o.c, scheduler.CallsARun)
	}
}

// running puts a campaign in progress that never fails, with calls of ten seconds.
func (o *oracle) running(id campaign.ID, numbers int, change ...func(*campaign.Campaign)) {
	c := campaign.Campaign{ID: id, Status: campaign.StatusInProgress, Stats: campaign.Stats{
		Total: numbers + 1e6, Queued: numbers, Completed: 1e6, Attempts: 1e6,
	}}
	c.Settings = campaign.Settings{Name: "x", MaxConcurrentCalls: 1000}.WithDefaults()
	for _, f := range change {
		f(&c)
	}
	o.shelf.campaigns[id] = c
	o.tell(id, numbers)
}

func (o *oracle) tell(id campaign.ID, numbers int) {
	c := o.shelf.campaigns[id]
	d := scheduler.Demand{
		Campaign: id, Seen: o.n.seen, Fresh: numbers, Remaining: numbers, Limit: c.MaxConcurrentCalls,
		Weight: c.Weight, Length: 10 * time.Second,
	}
	o.n.demands[id] = d
	o.core.Take(&scheduler.Report{Node: o.n.name, Demands: []scheduler.Demand{d}}, o.now)
}

func (o *oracle) ask(id campaign.ID) scheduler.Forecast {
	o.t.Helper()
	o.fresh()
	f, err := scheduler.ForecastOf(o.t.Context(), o.c, o.core, id, o.now)
	require.NoError(o.t, err)
	return f
}

// in is how long something is ahead.
func (o *oracle) in(f scheduler.Forecast, at time.Time) float64 {
	return at.Sub(f.ComputedAt).Seconds()
}

func TestForecastByHand(t *testing.T) {
	o := newOracle(t, 10)
	o.running(2, 1000)
	f := o.ask(2)
	require.True(t, f.Finishes)
	require.InEpsilon(t, 1000, o.in(f, f.Finish.Expected), 0.15, "1000 calls of ten seconds on ten channels")
	require.False(t, f.Finish.Earliest.After(f.Finish.Expected))
	require.False(t, f.Finish.Latest.Before(f.Finish.Expected))
	require.Equal(t, 1000, f.Remaining)
	require.Equal(t, "fair", f.Strategy)
	require.GreaterOrEqual(t, f.Runs, 3)
	require.Empty(t, f.Closing, "it is always open")
	require.Nil(t, f.MeetsDeadline)

	o.running(3, 1_000_000)
	f = o.ask(2)
	require.InEpsilon(t, 2000, o.in(f, f.Finish.Expected), 0.2, "half of the channels")
	o.running(2, 1000, func(c *campaign.Campaign) { c.Weight = 3 })
	f = o.ask(2)
	require.InEpsilon(t, 1333, o.in(f, f.Finish.Expected), 0.2, "three quarters")
	o.running(2, 1000, func(c *campaign.Campaign) { c.MaxConcurrentCalls = 2 })
	f = o.ask(2)
	require.InEpsilon(t, 5000, o.in(f, f.Finish.Expected), 0.2, "its own limit")
}

// Who fails is dialled again, later.
func TestForecastOfRetries(t *testing.T) {
	o := newOracle(t, 10)
	o.running(2, 1000, func(c *campaign.Campaign) {
		c.Stats.Completed = c.Stats.Attempts / 2
		c.Retry = campaign.RetryPolicy{MaxAttempts: 2, Delay: campaign.Duration(time.Hour)}
	})
	f := o.ask(2)
	require.InDelta(t, 3600+1000, o.in(f, f.Finish.Expected), 500)
	o.running(2, 0, func(c *campaign.Campaign) {
		c.Stats.RetryWait = 60
		c.Retry = campaign.RetryPolicy{MaxAttempts: 3, Delay: campaign.Duration(time.Hour)}
	})
	f = o.ask(2)
	require.InDelta(t, 3600, o.in(f, f.Finish.Expected), 120)
}

// Calls that are up count, with what is still to come of them.
func TestForecastKnowsWhatIsUp(t *testing.T) {
	o := newOracle(t, 10)
	o.running(2, 10)
	require.Len(t, o.grant()[2], 10)
	o.running(2, 0, func(c *campaign.Campaign) { c.Stats.InProgress = 10 })
	f := o.ask(2)
	require.InDelta(t, 10, o.in(f, f.Finish.Expected), 10)
	require.Equal(t, 10, f.Remaining)
}

func officeHours(c *campaign.Campaign) {
	c.Schedule = campaign.Schedule{TimeZone: "Pacific/Kiritimati", Windows: []campaign.Window{{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 10 * 60}}}}
}

// What does not fit into today's hours is done tomorrow; the numbers whose hours end
// are named.
func TestForecastOverHours(t *testing.T) {
	o := newOracle(t, 10)
	o.running(2, 9000, officeHours) // an hour takes 3600
	f := o.ask(2)
	require.Len(t, f.Closing, 1)
	cl := f.Closing[0]
	require.Equal(t, "Pacific/Kiritimati", cl.TimeZone)
	require.Equal(t, 10, cl.ClosesAt.In(zone(t, "Pacific/Kiritimati")).Hour())
	require.Equal(t, 9000, cl.Numbers)
	require.Len(t, cl.Examples, 5)
	require.True(t, f.Finish.Expected.After(cl.ClosesAt), "not on the first day of %v", cl)
	require.Less(t, f.Finish.Expected.Sub(cl.ClosesAt), 72*time.Hour)

	o.running(2, 9000, officeHours, func(c *campaign.Campaign) { c.Deadline = cl.ClosesAt.Add(-time.Minute) })
	require.Zero(t, *o.ask(2).MeetsDeadline)
	o.running(2, 9000, officeHours, func(c *campaign.Campaign) { c.Deadline = cl.ClosesAt.Add(240 * time.Hour) })
	f = o.ask(2)
	require.InDelta(t, 1, *f.MeetsDeadline, 0)
	require.Equal(t, cl.ClosesAt.Add(240*time.Hour), f.Deadline)
	o.running(2, 9000, officeHours, func(c *campaign.Campaign) {
		c.Deadline, c.Schedule.EndAt = cl.ClosesAt.Add(240*time.Hour), cl.ClosesAt.Add(time.Hour)
	})
	require.Equal(t, cl.ClosesAt.Add(time.Hour), o.ask(2).Deadline, "the schedule's end is one by itself")
}

func zone(t *testing.T, name string) *time.Location {
	l, err := time.LoadLocation(name)
	require.NoError(t, err)
	return l
}

// Numbers by their own clocks: the zone that closes first is named first.
func TestForecastByZones(t *testing.T) {
	o := newOracle(t, 1)
	o.shelf.zones = []store.Zone{{ID: 1, Zones: "Asia/Tokyo"}, {ID: 2, Zones: "Europe/Berlin"}, {ID: 3, Zones: "America/Chicago"}}
	o.shelf.waiting = map[campaign.ZoneID]store.Backlog{1: {Queued: 4000}, 2: {Queued: 500}}
	o.running(2, 4500, func(c *campaign.Campaign) {
		officeHours(c)
		c.Schedule.TimeZone = campaign.ZoneOfContact
		c.Schedule.Windows[0].Span = campaign.Span{Start: 8 * 60, End: 18 * 60}
	})
	f := o.ask(2)
	require.Len(t, f.Closing, 2, "nobody waits in the third")
	require.False(t, f.Closing[1].ClosesAt.Before(f.Closing[0].ClosesAt))
	for _, cl := range f.Closing {
		if cl.TimeZone == "Asia/Tokyo" {
			require.Equal(t, 4000, cl.Numbers)
			require.Greater(t, cl.ExpectedLeft, 300.0, "ten hours take 3600 at most")
			require.Equal(t, campaign.CallID(101), cl.Examples[0].Call)
			require.Equal(t, "+10000000101", cl.Examples[0].To)
		} else {
			require.Equal(t, "Europe/Berlin", cl.TimeZone)
			require.Equal(t, 500, cl.Numbers)
		}
	}
	require.Greater(t, o.in(f, f.Finish.Expected), 12*3600.0)
}

// What dials nobody is not forecast, and says why.
func TestForecastOfWhatDoesNotRun(t *testing.T) {
	o := newOracle(t, 10)
	for status, say := range map[campaign.Status]string{campaign.StatusPaused: "paused", campaign.StatusPending: "not started"} {
		o.running(2, 100, func(c *campaign.Campaign) { c.Status = status })
		f := o.ask(2)
		require.False(t, f.Finishes)
		require.Nil(t, f.Finish)
		require.Contains(t, f.Reason, say)
	}
	o.running(2, 100, func(c *campaign.Campaign) { c.Status = campaign.StatusCompleted })
	o.fresh()
	_, err := scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
	require.Equal(t, campaign.CodeConflict, campaign.CodeOf(err))
	_, err = scheduler.ForecastOf(t.Context(), o.c, o.core, 77, o.now)
	require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err))
	o.running(2, 100, func(c *campaign.Campaign) {
		officeHours(c)
		c.Schedule.EndAt = o.now.Add(-time.Hour)
	})
	f := o.ask(2)
	require.False(t, f.Finishes)
	require.Contains(t, f.Reason, "about 100 of its calls will not have been placed")
}

// However much is going on, the answer comes soon, and it is much the same as if all
// had been played.
func TestForecastOfTheHuge(t *testing.T) {
	o := sure(newOracle(t, 1000))
	for id := campaign.ID(3); id < 53; id++ {
		o.running(id, 100_000)
	}
	o.running(2, 20_000)
	began := load.CPU()
	f := o.ask(2)
	took := load.CPU() - began
	t.Logf("%d runs in %v: in %.0f s", f.Runs, took, o.in(f, f.Finish.Expected))
	require.Less(t, took, load.Slack(8*time.Second))
	require.InEpsilon(t, 20_000*10*51/1000, o.in(f, f.Finish.Expected), 0.1)

	o.running(2, 5)
	f = o.ask(2)
	require.Less(t, o.in(f, f.Finish.Expected), 60.0, "and the small are not scaled away")
}

// The strategy in force is the one that is played.
func TestForecastPlaysTheStrategy(t *testing.T) {
	o := newOracle(t, 10)
	o.running(3, 100_000)
	o.running(2, 1000, func(c *campaign.Campaign) { c.Priority = 1 })
	o.use("priority")
	f := o.ask(2)
	require.Equal(t, "priority", f.Strategy)
	require.InEpsilon(t, 1000/0.95, o.in(f, f.Finish.Expected), 0.2)
}

func TestCandidateForecasts(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 100, 50)
	o := newOracle(t, 5)
	o.running(2, 95, func(c *campaign.Campaign) { c.Stats.InProgress = 5 })
	c := scheduler.NewCandidate(scheduler.Config{
		Node: "n1", Bus: b, Settings: &settings{}, Campaigns: o.shelf, Logger: bustest.Logger(t),
		Limits: map[string]provider.Limits{"a": {Channels: 5}},
	})
	scheduler.Sure(c)
	require.NoError(t, c.Start(t.Context()))
	defer c.Stop()
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	f, err := ask[scheduler.Forecast](t, b, "forecast", map[string]any{"campaign": "cmp_2"})
	require.NoError(t, err)
	require.InDelta(t, 200, f.Finish.Expected.Sub(f.ComputedAt).Seconds(), 30)
	again, err := ask[scheduler.Forecast](t, b, "forecast", map[string]any{"campaign": "cmp_2"})
	require.NoError(t, err)
	require.Equal(t, f.ComputedAt, again.ComputedAt, "the same answer for a while")
	_, err = ask[scheduler.Forecast](t, b, "forecast", nil)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
}

// A competitor's own limit is kept to in proportion, however coarse the run.
func TestForecastKeepsToLimits(t *testing.T) {
	o := newOracle(t, 5000)
	for id := campaign.ID(3); id < 193; id++ {
		o.running(id, 20_000, func(c *campaign.Campaign) { c.MaxConcurrentCalls = 10 })
	}
	o.running(2, 20_000, func(c *campaign.Campaign) { c.MaxConcurrentCalls = 10 })
	began := load.CPU()
	f := o.ask(2)
	took := load.CPU() - began
	t.Logf("%d runs in %v", f.Runs, took)
	require.InEpsilon(t, 20_000, o.in(f, f.Finish.Expected), 0.25, "nobody waits: ten calls of ten seconds at a time")
	require.Less(t, took, load.Slack(8*time.Second))
}

// The less is known, the wider the range.
func TestForecastRangeIsHonest(t *testing.T) {
	span := func(known time.Duration) float64 {
		o := newOracle(t, 10)
		o.running(2, 1000)
		d := o.n.demands[2]
		d.Length = known
		o.n.demands[2] = d
		o.core.Take(&scheduler.Report{Node: o.n.name, Demands: []scheduler.Demand{d}}, o.now)
		f := o.ask(2)
		return f.Finish.Latest.Sub(f.Finish.Earliest).Seconds() / o.in(f, f.Finish.Expected)
	}
	require.Greater(t, span(0), 0.8, "ten seconds is a guess")
	require.Less(t, span(10*time.Second), 0.8)
	require.Greater(t, span(10*time.Second), 0.1)
}

// What has nothing left says so.
func TestForecastOfNothing(t *testing.T) {
	o := newOracle(t, 10)
	o.running(2, 0)
	f := o.ask(2)
	require.False(t, f.Finishes)
	require.Equal(t, "Nothing is left to dial.", f.Reason)
}

// An answer is given again only while it goes by the same.
func TestForecastIsNotStale(t *testing.T) {
	o := newOracle(t, 10)
	o.running(2, 1000)
	f := o.ask(2)
	again, err := scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
	require.NoError(t, err)
	require.Equal(t, f, again)
	o.use("priority")
	again, err = scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
	require.NoError(t, err)
	require.Equal(t, "priority", again.Strategy)
	o.pass(time.Second)
	o.running(2, 1000, func(c *campaign.Campaign) { c.Weight = 2 })
	third, err := scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
	require.NoError(t, err)
	require.NotEqual(t, again.ComputedAt, third.ComputedAt)
}
