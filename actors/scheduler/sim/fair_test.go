package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

var eight = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

const endless = 1 << 30

// play is an engine with a meter on it.
type play struct {
	*sim.Engine
	meter *sim.Meter
}

func start(t require.TestingT, name string, channels int, rate float64, seed uint64) play {
	s, err := strategy.New(name, nil)
	require.NoError(t, err)
	m := sim.NewMeter(eight)
	return play{sim.New(sim.Config{Strategy: s, Channels: channels, CallsPerSecond: rate, Start: eight, Seed: seed, Observer: m}), m}
}

// want adds a campaign with work.
func (p play) want(id campaign.ID, numbers int, c sim.Campaign) {
	p.Put(id, c)
	p.Add(id, numbers)
}

func (p play) run(d time.Duration) sim.Reading {
	p.Advance(p.Now().Add(d))
	return p.meter.Read(p.Now())
}

func lasting(d time.Duration) sim.Campaign {
	return sim.Campaign{Calls: sim.Mix{Lengths: sim.Fixed(d)}}
}

// What fair-share.md found: with ten campaigns on 100 slots, half with calls of 4 s
// and half with calls of 90 s, taking turns leaves the long ones 96 % of the slots.
func TestTurnsAreUnfairToShortCallsAndFairIsNot(t *testing.T) {
	skewed := func(name string) (long float64, jain float64) {
		p := start(t, name, 100, 0, 1)
		for id := range campaign.ID(10) {
			p.want(id+1, endless, lasting([]time.Duration{4 * time.Second, 90 * time.Second}[id%2]))
		}
		r := p.run(8 * time.Hour)
		for i, u := range r.Campaigns {
			if i%2 == 1 {
				long += u.Slots / r.Pool.Busy
			}
		}
		used, ok := r.ChannelsUsed()
		require.True(t, ok)
		require.InDelta(t, 1, used, 1e-9)
		return long, r.Jain()
	}
	long, jain := skewed("round_robin")
	require.InDelta(t, 0.96, long, 0.005)
	require.InDelta(t, 0.55, jain, 0.01)
	long, jain = skewed("fair")
	require.InDelta(t, 0.50, long, 0.005)
	require.InDelta(t, 1, jain, 0.001)
}

// Many more campaigns than slots, and the rate that binds: fair-share.md again.
func TestFairWithFewSlotsAndWithARateThatBinds(t *testing.T) {
	for _, c := range []struct {
		name      string
		campaigns int
		channels  int
		rate      float64
	}{
		{"many more campaigns than slots", 300, 100, 0},
		{"the rate binds", 10, 1000, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, "fair", c.channels, c.rate, 1)
			for id := range campaign.ID(c.campaigns) {
				p.want(id+1, endless, lasting([]time.Duration{4 * time.Second, 90 * time.Second}[id%2]))
			}
			require.Greater(t, p.run(24*time.Hour).Jain(), 0.999)
		})
	}
}
