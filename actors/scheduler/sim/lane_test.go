package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// attendant holds a campaign with lanes to the order in which they are dialled.
type attendant struct {
	sim.Observer
	t      require.TestingT
	engine *sim.Engine
	lanes  []hours.Calendar
	left   []int
	moved  int
}

func (a *attendant) Granted(_ campaign.ID, now time.Time) {
	taken := -1
	for i := range a.left {
		if n := a.engine.LaneNumbers(1, i); n != a.left[i] {
			require.Equal(a.t, a.left[i]-1, n)
			require.Negative(a.t, taken, "one number for one call")
			taken = i
		}
	}
	if taken < 0 {
		return // a retry
	}
	a.moved++
	require.True(a.t, a.lanes[taken].Open(now), "InHours, of the lane")
	closes, ends := a.lanes[taken].Close(now)
	for i, l := range a.lanes {
		if a.left[i] > 0 && l.Open(now) {
			other, sooner := l.Close(now)
			require.False(a.t, sooner && (!ends || other.Before(closes)), "lane %d closes at %v, and %d was dialled", i, other, taken)
		}
	}
	a.left[taken]--
}

// Whatever the lanes, the open one that closes first goes first.
func TestTheLaneThatClosesFirstGoesFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &attendant{Observer: sim.NewMeter(eight), t: t}
		for i := range rapid.IntRange(1, 5).Draw(t, "lanes") {
			zone := rapid.SampledFrom([]string{"America/New_York", "Asia/Tokyo", "Europe/Berlin", "Asia/Kolkata", ""}).Draw(t, fmt.Sprint("zone", i))
			calendar := *nineToFive(t, "UTC")
			if zone != "" {
				calendar = *nineToFive(t, zone)
			} else if rapid.Bool().Draw(t, "always") {
				calendar, _ = hours.New(campaign.Schedule{})
			}
			a.lanes = append(a.lanes, calendar)
			a.left = append(a.left, rapid.IntRange(0, 300).Draw(t, fmt.Sprint("numbers", i)))
		}
		s, err := strategy.New("fair", nil)
		require.NoError(t, err)
		a.engine = sim.New(sim.Config{Strategy: s, Channels: rapid.IntRange(1, 3).Draw(t, "channels"), Start: eight, Seed: 3, Observer: a})
		a.engine.Put(1, sim.Campaign{
			Lanes: a.lanes, Calls: sim.Mix{Lengths: sim.Exponential{Mean: 2 * time.Minute}, Failing: 0.2},
			Retry: campaign.RetryPolicy{MaxAttempts: 2},
		})
		total := 0
		for i, n := range a.left {
			a.engine.AddTo(1, i, n)
			total += n
		}
		a.engine.Advance(eight.Add(50 * time.Hour))
		if more := rapid.IntRange(0, 50).Draw(t, "more"); more > 0 { // to one that may be empty by now
			a.left[len(a.left)-1] += more
			a.engine.AddTo(1, len(a.left)-1, more)
			total += more
		}
		a.engine.Advance(eight.AddDate(0, 0, 20))
		require.Equal(t, total, a.moved)
		require.Equal(t, total, a.engine.Count(1).Completed+a.engine.Count(1).Failed)
		require.GreaterOrEqual(t, a.engine.Events(), total)
	})
}

// What is left until a deadline is counted down as it would be measured anew, in the
// hours of all lanes together.
func TestDueIsCountedDown(t *testing.T) {
	fair, err := strategy.New("fair", nil)
	require.NoError(t, err)
	r := &recorder{Strategy: fair}
	e := sim.New(sim.Config{Strategy: r, Channels: 1, Start: eight})
	c := lasting(3 * time.Hour)
	c.Lanes = []hours.Calendar{*nineToFive(t, "UTC"), *nineToFive(t, "America/New_York"), *nineToFive(t, "Asia/Tokyo")}
	c.Deadline = eight.Add(100 * time.Hour)
	e.Put(1, c)
	for lane := range c.Lanes {
		e.AddTo(1, lane, 4)
	}
	for at := eight.Add(time.Hour); at.Before(c.Deadline); at = at.Add(time.Hour) {
		told := len(r.terms)
		e.Advance(at)
		due := r.terms[len(r.terms)-1].Due
		if len(r.terms) > told && e.Count(1).Later+e.Count(1).Numbers > 0 {
			require.LessOrEqual(t, due.Sub(at), hours.AnyOpenBetween(c.Lanes, at.Add(-time.Hour), c.Deadline))
			require.GreaterOrEqual(t, due.Sub(at), hours.AnyOpenBetween(c.Lanes, at, c.Deadline)-time.Hour)
		}
	}
	far := lasting(time.Minute)
	far.Hours, far.Deadline = nineToFive(t, "UTC"), e.Now().AddDate(10, 0, 0)
	e.Put(2, far)
	e.Add(2, 1)
	left := r.terms[len(r.terms)-1].Due.Sub(e.Now()).Hours()
	require.InEpsilon(t, 3652*8, left, 0.01, "ten years ahead, to what is known of it")
}
