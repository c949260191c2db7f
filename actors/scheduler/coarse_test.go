package scheduler_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/campaign"
)

func limited(n int) func(*campaign.Campaign) {
	return func(c *campaign.Campaign) { c.MaxConcurrentCalls = n }
}

// failingHalf is a campaign half of whose attempts have failed.
func failingHalf(c *campaign.Campaign) { c.Stats.Completed = c.Stats.Attempts / 2 }

func nineToFive(c *campaign.Campaign) {
	c.Schedule = campaign.Schedule{TimeZone: "UTC", Windows: []campaign.Window{{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 17 * 60}}}}
}

// A forecast that is scaled down says much the same as one that plays every call.
func TestForecastScaledDown(t *testing.T) {
	cases := []struct {
		name     string
		channels int
		rate     float64
		strategy string
		set      func(o *oracle)
	}{
		{"alone, by its limit", 1000, 0, "", func(o *oracle) { o.running(2, 150_000, limited(10)) }},
		{"alone, a single line", 1, 0, "", func(o *oracle) { o.running(2, 100_000) }},
		{"without a limit of channels", 0, 0, "", func(o *oracle) { o.running(2, 150_000, limited(7)) }},
		{"default limits", 100, 0, "", func(o *oracle) {
			for id := range campaign.ID(30) {
				o.running(3+id, 6000, limited(10))
			}
			o.running(2, 5000, limited(10))
		}},
		{"above the average", 100, 0, "", func(o *oracle) {
			for id := range campaign.ID(30) {
				o.running(3+id, 6000, limited(4))
			}
			o.running(2, 20_000, func(c *campaign.Campaign) { c.Weight = 3 })
		}},
		{"by the rate", 1000, 7, "", func(o *oracle) {
			o.running(3, 100_000, failingHalf)
			o.running(2, 50_000, failingHalf)
		}},
		{"over days", 20, 0, "", func(o *oracle) {
			o.running(3, 60_000, nineToFive)
			o.running(2, 60_000, nineToFive, failingHalf)
		}},
		{"beside many small ones", 30, 0, "", func(o *oracle) {
			for id := range campaign.ID(1500) {
				o.running(3+id, 50, limited(10))
			}
			o.running(2, 40_000, func(c *campaign.Campaign) { c.Weight = 200 })
		}},
		{"in a group", 50, 0, "", func(o *oracle) {
			group := func(name string) func(c *campaign.Campaign) {
				return func(c *campaign.Campaign) { c.Group = name }
			}
			o.running(3, 70_000, group("a"))
			o.running(4, 70_000, group("a"))
			o.running(2, 30_000, group("b"), limited(15))
		}},
		{"of a low priority", 50, 0, "priority", func(o *oracle) {
			o.running(3, 50_000, func(c *campaign.Campaign) { c.Priority = 1 })
			o.running(2, 50_000, func(c *campaign.Campaign) { c.Priority = 9 })
		}},
		{"with a deadline", 50, 0, "deadline", func(o *oracle) {
			o.running(3, 200_000)
			o.running(2, 60_000, func(c *campaign.Campaign) { c.Deadline = o.now.Add(6 * time.Hour) })
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := sure(newOracleAt(t, c.channels, c.rate))
			c.set(o)
			if c.strategy != "" {
				o.use(c.strategy)
			}
			of := func(most int) scheduler.Forecast {
				o.fresh()
				scheduler.Coarsen(o.c, most)
				f, err := scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
				require.NoError(t, err)
				require.True(t, f.Finishes, f.Reason)
				return f
			}
			fine, coarse := of(math.MaxInt), of(15_000)
			t.Logf("%.0f s, and scaled down %.0f to %.0f to %.0f s", o.in(fine, fine.Finish.Expected), o.in(coarse, coarse.Finish.Earliest), o.in(coarse, coarse.Finish.Expected), o.in(coarse, coarse.Finish.Latest))
			require.InEpsilon(t, o.in(fine, fine.Finish.Expected), o.in(coarse, coarse.Finish.Expected), 0.1)
		})
	}
}

// A run that has a few calls more than the first is as good as that one, even where the
// first just did not need to be coarsened.
func TestForecastAtTheLimitOfARun(t *testing.T) {
	o := sure(newOracle(t, 10))
	o.running(2, 1000, failingHalf, func(c *campaign.Campaign) { c.Retry.Delay = campaign.Duration(10 * time.Second) })
	for most := 1650; most < 1850; most += 10 {
		o.fresh()
		scheduler.Coarsen(o.c, most)
		f, err := scheduler.ForecastOf(t.Context(), o.c, o.core, 2, o.now)
		require.NoError(t, err)
		require.InEpsilon(t, 1750, o.in(f, f.Finish.Latest), 0.15, most)
	}
}

// What is known for sure is reckoned as by hand.
func TestForecastIsExact(t *testing.T) {
	o := sure(newOracle(t, 10))
	for _, c := range []struct {
		seconds float64
		set     func()
	}{
		{1000, func() { o.running(2, 1000) }},
		{2000, func() { o.running(3, 1_000_000) }},
		{1333, func() { o.running(2, 1000, func(c *campaign.Campaign) { c.Weight = 3 }) }},
		{5000, func() { o.running(2, 1000, limited(2)) }},
	} {
		c.set()
		f := o.ask(2)
		require.InEpsilon(t, c.seconds, o.in(f, f.Finish.Expected), 0.02)
	}
}
