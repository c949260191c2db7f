package sim_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/pace"
	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// judge listens to an engine and holds it to the promises.
type judge struct {
	sim.Observer
	t        require.TestingT
	engine   *sim.Engine
	channels int
	rate     float64
	specs    map[campaign.ID]sim.Campaign
	numbers  map[campaign.ID]int // never dialled, as of the last grant
	up       map[campaign.ID]int
	all      int
	grants   []time.Time
}

func (j *judge) Granted(id campaign.ID, now time.Time) {
	j.Observer.Granted(id, now)
	j.up[id]++
	j.all++
	spec, count := j.specs[id], j.engine.Count(id)
	require.True(j.t, spec.Limit == 0 || j.up[id] <= spec.Limit, "WithinLimit: of the campaign")
	require.True(j.t, j.channels == 0 || j.all <= j.channels, "WithinLimit: channels")
	if most := int(math.Ceil(j.rate)); j.rate > 0 && len(j.grants) >= most {
		require.GreaterOrEqual(j.t, now.Sub(j.grants[len(j.grants)-most]), time.Second-pace.Burst, "WithinLimit: calls per second, but for the burst")
	}
	require.True(j.t, spec.Hours == nil || spec.Hours.Open(now), "InHours")
	if count.Numbers < j.numbers[id] {
		require.Zero(j.t, count.Due, "RetriesFirst")
	}
	j.numbers[id] = count.Numbers
	j.grants = append(j.grants, now)
}

func (j *judge) Released(id campaign.ID, since, now time.Time, held time.Duration) {
	j.Observer.Released(id, since, now, held)
	require.Equal(j.t, now.Sub(since), held)
	j.up[id]--
	j.all--
}

func nineToFive(t require.TestingT, zone string) *hours.Calendar {
	c, err := hours.New(campaign.Schedule{TimeZone: zone, Windows: []campaign.Window{
		{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 17 * 60}}}})
	require.NoError(t, err)
	return &c
}

// drawCampaign is any campaign that ends within a few days.
func drawCampaign(t *rapid.T) sim.Campaign {
	mean := time.Duration(rapid.IntRange(1, 120).Draw(t, "seconds")) * time.Second
	c := sim.Campaign{
		Terms: strategy.Terms{Weight: rapid.SampledFrom([]float64{0, 1, 3}).Draw(t, "weight")},
		Limit: rapid.IntRange(0, 5).Draw(t, "limit"),
		Calls: sim.Mix{
			Lengths: rapid.SampledFrom([]sim.Lengths{sim.Fixed(mean), sim.Uniform{Max: mean}, sim.Exponential{Mean: mean}, sim.Lognormal{Mean: mean, Sigma: 1}}).Draw(t, "lengths"),
			Failing: rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "failing"),
		},
		Retry: campaign.RetryPolicy{
			MaxAttempts: rapid.IntRange(1, 4).Draw(t, "attempts"),
			Delay:       campaign.Duration(rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Minute}).Draw(t, "delay")),
			Backoff:     campaign.BackoffExponential,
		},
	}
	if rapid.IntRange(0, 2).Draw(t, "hours") == 0 {
		c.Hours = nineToFive(t, rapid.SampledFrom([]string{"America/New_York", "Asia/Tokyo"}).Draw(t, "zone"))
	}
	return c
}

func TestPromisesHoldInAnyRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(0, 8).Draw(t, "channels")
		rate := rapid.SampledFrom([]float64{0, 0.7, 2, 50}).Draw(t, "rate")
		s, err := strategy.New(rapid.SampledFrom(strategy.Names()).Draw(t, "strategy"), nil)
		require.NoError(t, err)
		j := &judge{Observer: sim.NewMeter(eight), t: t, channels: channels, rate: rate,
			specs: map[campaign.ID]sim.Campaign{}, numbers: map[campaign.ID]int{}, up: map[campaign.ID]int{}}
		j.engine = sim.New(sim.Config{Strategy: s, Channels: channels, CallsPerSecond: rate, Start: eight, Seed: 7, Observer: j})
		total := map[campaign.ID]int{}
		check := func() {
			up := 0
			for id, n := range total {
				c := j.engine.Count(id)
				require.Equal(t, n, c.Numbers+c.Due+c.Later+c.Up+c.Completed+c.Failed, "NothingLost")
				require.Equal(t, j.up[id], c.Up)
				up += c.Up
			}
			require.Equal(t, up, j.engine.Up())
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "campaigns") {
			id := campaign.ID(i + 1)
			j.specs[id], total[id] = drawCampaign(t), rapid.IntRange(0, 60).Draw(t, "numbers")
			j.engine.Put(id, j.specs[id])
			j.engine.Add(id, total[id])
			j.numbers[id] = total[id]
			j.engine.Advance(j.engine.Now().Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute))
			check()
		}
		j.engine.Advance(eight.AddDate(0, 0, 8))
		check()
		for id := range total {
			c := j.engine.Count(id)
			require.Equal(t, total[id], c.Completed+c.Failed, "all is done within days")
			require.Equal(t, total[id] == 0, c.Done.IsZero())
			if j.specs[id].Calls.(sim.Mix).Failing == 1 {
				require.Equal(t, total[id]*j.specs[id].Retry.MaxAttempts, c.Placed, "every attempt that there is")
			}
		}
	})
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	once := func(seed uint64) sim.Reading {
		p := start(t, "fair", 20, 5, seed)
		for id := range campaign.ID(10) {
			p.want(id+1, 500, sim.Campaign{Limit: 7, Calls: sim.Mix{Lengths: sim.Lognormal{Mean: time.Minute, Sigma: 1}, Failing: 0.2}})
		}
		return p.run(3 * time.Hour)
	}
	require.Equal(t, once(1), once(1))
	require.NotEqual(t, once(1), once(2))
}

func TestPausesWeightsAndNumbersTakeEffect(t *testing.T) {
	p := start(t, "fair", 10, 0, 1)
	p.want(1, endless, lasting(10*time.Second))
	p.want(2, endless, lasting(10*time.Second))
	p.run(time.Hour)
	p.meter.Window(p.Now())
	heavy := lasting(10 * time.Second)
	heavy.Terms.Weight = 4
	p.Put(1, heavy)
	p.run(time.Hour)
	w := p.meter.Window(p.Now())
	require.InDelta(t, 4, w.Campaigns[0].Slots/w.Campaigns[1].Slots, 0.05)
	require.InDelta(t, 1, w.Jain(), 0.001, "by weight")
	p.Pause(1, true)
	p.run(time.Hour)
	require.Zero(t, p.Count(1).Up)
	p.Pause(1, false)
	p.run(time.Minute)
	require.NotZero(t, p.Count(1).Up)
	p.Remove(1)
	p.run(time.Minute)
	require.Equal(t, sim.Count{}, p.Count(1))
	require.Equal(t, 10, p.Count(2).Up)
}

// The first call of a newcomer beside one with 100,000 numbers goes out with the
// first slot that frees.
func TestNewcomerIsServedWithTheNextSlot(t *testing.T) {
	p := start(t, "fair", 50, 0, 1)
	p.want(1, 100_000, sim.Campaign{Calls: sim.Mix{Lengths: sim.Uniform{Min: 20 * time.Second, Max: 60 * time.Second}}})
	p.run(30 * time.Minute)
	came := p.Now()
	p.want(2, 10, lasting(30*time.Second))
	p.run(10 * time.Minute)
	require.Less(t, p.Count(2).First.Sub(came), 5*time.Second)
	require.Equal(t, 10, p.Count(2).Completed)
}

// recorder is a strategy that notes what it is told.
type recorder struct {
	strategy.Strategy
	terms   []strategy.Terms
	adopted int
}

func (r *recorder) Set(id campaign.ID, t strategy.Terms) {
	r.terms = append(r.terms, t)
	r.Strategy.Set(id, t)
}

func (r *recorder) Adopt(id campaign.ID, now time.Time) strategy.Charge {
	r.adopted++
	return r.Strategy.Adopt(id, now)
}

func TestTermsAreKeptUpToDate(t *testing.T) {
	fair, err := strategy.New("fair", nil)
	require.NoError(t, err)
	r := &recorder{Strategy: fair}
	e := sim.New(sim.Config{Strategy: r, Channels: 1, Start: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)})
	c := lasting(6 * time.Hour)
	c.Hours = nineToFive(t, "UTC")
	c.Deadline = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)
	e.Put(1, c)
	e.Add(1, 3)
	e.Advance(e.Now().Add(24 * time.Hour))
	require.Equal(t, e.Now(), c.Deadline)
	var left []time.Duration
	var remaining []int
	for _, terms := range r.terms {
		left = append(left, terms.Due.Sub(eight))
		remaining = append(remaining, terms.Remaining)
	}
	// At 12:00 there are five hours left today and three tomorrow: due at 20:00, and
	// that stays so until 09:00, when it is 12:00.
	require.Equal(t, []time.Duration{12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 28 * time.Hour, 28 * time.Hour}, left)
	require.Equal(t, []int{0, 3, 2, 2, 1}, remaining)
}

func TestASnapshotGoesOn(t *testing.T) {
	fair, err := strategy.New("fair", nil)
	require.NoError(t, err)
	r := &recorder{Strategy: fair}
	e := sim.New(sim.Config{Strategy: r, Channels: 3, Start: eight})
	c := sim.Campaign{Calls: sim.Mix{Lengths: sim.Fixed(time.Minute), Failing: 1}, Retry: campaign.RetryPolicy{MaxAttempts: 2, Delay: campaign.Duration(time.Hour)}}
	e.Put(1, c)
	e.Begun(1, eight.Add(-40*time.Second), 1)
	e.Begun(1, eight.Add(-3*time.Minute), 2)
	e.Retry(1, eight.Add(30*time.Minute), 1)
	require.Equal(t, 2, r.adopted)
	e.Advance(eight.Add(19 * time.Second))
	require.Equal(t, sim.Count{Up: 2, Later: 1}, e.Count(1))
	e.Advance(eight.Add(20 * time.Second))
	require.Equal(t, sim.Count{Up: 1, Later: 2}, e.Count(1), "a minute since it began; it failed, and is tried again")
	e.Advance(eight.Add(2 * time.Hour))
	got := e.Count(1)
	require.Equal(t, 3, got.Failed)
	require.Equal(t, 2, got.Placed)
	require.Equal(t, eight.Add(20*time.Second+time.Hour+time.Minute), got.Done)
}

// A shadow is told in real time what campaigns want.
func TestAShadowFollowsDemand(t *testing.T) {
	p := start(t, "fair", 10, 0, 1)
	lengths := &sim.Observed{Guess: 10 * time.Second}
	for i := range 600 {
		p.Advance(eight.Add(time.Duration(i) * time.Second))
		p.Put(1, sim.Campaign{Limit: 20, Calls: lengths})
		p.Want(1, sim.Work{Numbers: 1000, Retries: i % 3, Later: 5})
		if i == 300 {
			require.Equal(t, 10, p.Up())
			for range 64 {
				lengths.See(2 * time.Second)
			}
			p.meter.Window(p.Now())
		}
	}
	require.InDelta(t, 1500, p.meter.Window(p.Now()).Pool.Calls, 50)
	p.Want(1, sim.Work{})
	p.run(time.Minute)
	require.Zero(t, p.Up())
	require.False(t, p.Count(1).Done.IsZero())
}
