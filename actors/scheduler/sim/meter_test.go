package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

func at(seconds float64) time.Time { return eight.Add(time.Duration(seconds * float64(time.Second))) }

func TestMeterByHand(t *testing.T) {
	m := sim.NewMeter(eight)
	m.Capacity(2, 1, at(0)) // a call costs a second of the whole, or half its length
	m.Weighs(1, 1, at(0))
	m.Weighs(2, 3, at(0))
	m.Wants(1, sim.Waiting, at(0))
	m.Granted(1, at(1))
	m.Wants(2, sim.Waiting, at(2))
	m.Granted(2, at(2))
	m.Wants(1, sim.Limited, at(4))
	m.Released(1, at(1), at(7), 6*time.Second)
	m.Wants(1, sim.Idle, at(7))
	r := m.Read(at(10))

	require.Equal(t, sim.Usage{
		Campaign: 1, Weight: 1, Calls: 1, Slots: 6, Cost: 3, Waited: 4 * time.Second,
		Longest: 3 * time.Second, First: time.Second,
		Served:   3,         // it wanted tokens until its call had ended
		Entitled: 2 + 5.0/4, // alone for two seconds, then with a quarter
	}, r.Campaigns[0])
	require.Equal(t, sim.Usage{
		Campaign: 2, Weight: 3, Held: 1, Calls: 1, Slots: 8, Cost: 4, Waited: 8 * time.Second,
		Longest: 8 * time.Second, Open: true, First: 0, // the wait since its grant is not over
		Served: 4, Entitled: 5*3.0/4 + 3,
	}, r.Campaigns[1])
	require.Equal(t, 4*time.Second, r.Campaigns[1].Wait(), "none for its call, and eight that are not over")
	require.Equal(t, 2, r.Pool.Calls)
	require.InDelta(t, 14, r.Pool.Busy, 1e-9)
	require.InDelta(t, 10, r.Pool.Contended, 1e-9)
	used, ok := r.ChannelsUsed()
	require.True(t, ok)
	require.InDelta(t, 0.7, used, 1e-9)
	used, ok = r.RateUsed()
	require.True(t, ok)
	require.InDelta(t, 0.2, used, 1e-9)
	x, y := 3/3.25, 4/6.75
	require.InDelta(t, (4*x+8*y)*(4*x+8*y)/(12*(4*x*x+8*y*y)), r.Jain(), 1e-9)
}

func TestAShortCallCostsItsPartOfTheRate(t *testing.T) {
	m := sim.NewMeter(eight)
	m.Capacity(100, 10, at(0))
	m.Wants(1, sim.Waiting, at(0))
	m.Granted(1, at(0))
	require.InDelta(t, 0.1, m.Read(at(1)).Campaigns[0].Cost, 1e-9, "while it is up")
	m.Released(1, at(0), at(2), 2*time.Second)
	require.InDelta(t, 0.1, m.Read(at(2)).Campaigns[0].Cost, 1e-9)
	m.Granted(1, at(2))
	m.Released(1, at(2), at(3), 0)
	u := m.Read(at(3)).Campaigns[0]
	require.Equal(t, 1, u.Calls, "an unused token is no call")
	require.InDelta(t, 0.1, u.Cost, 1e-9)
	require.InDelta(t, 3, u.Slots, 1e-9, "but it took up a slot")
}

// Windows add up to the whole.
func TestWindowsAddUp(t *testing.T) {
	p := start(t, "round_robin", 20, 3, 1)
	for id := range campaign.ID(5) {
		p.want(id+1, 400, sim.Campaign{Limit: 8, Calls: sim.Mix{Lengths: sim.Exponential{Mean: 20 * time.Second}}})
	}
	var calls int
	var cost, waited, entitled float64
	for range 40 {
		p.run(time.Minute)
		w := p.meter.Window(p.Now())
		require.Equal(t, time.Minute, w.Until.Sub(w.From))
		for _, u := range w.Campaigns {
			calls += u.Calls
			cost += u.Cost
			waited += u.Waited.Seconds()
			entitled += u.Entitled
		}
	}
	r := p.meter.Read(p.Now())
	require.Equal(t, r.Pool.Calls, calls)
	require.InDelta(t, r.Cost(), cost, 1e-6)
	for _, u := range r.Campaigns {
		waited -= u.Waited.Seconds()
		entitled -= u.Entitled
	}
	require.InDelta(t, 0, waited, 1e-6)
	require.InDelta(t, 0, entitled, 1e-6)
}

// A campaign that its own limit holds back below its share does not count as one
// that is treated unfairly; the others have the rest, and nothing idles.
func TestOwnLimitIsNotUnfair(t *testing.T) {
	p := start(t, "fair", 100, 0, 1)
	for id := range campaign.ID(5) {
		c := sim.Campaign{Calls: sim.Mix{Lengths: sim.Uniform{Min: 5 * time.Second, Max: 25 * time.Second}}}
		if id == 0 {
			c.Limit = 5
		}
		p.want(id+1, endless, c)
	}
	r := p.run(4 * time.Hour)
	used, _ := r.ChannelsUsed()
	require.InDelta(t, 1, used, 1e-9)
	require.InDelta(t, 0.05, r.Campaigns[0].Cost/r.Cost(), 0.002)
	require.Greater(t, r.Jain(), 0.99)
}

// Who came late, and was alone before, is measured by what was there to have.
func TestComingAndGoingIsNotUnfair(t *testing.T) {
	p := start(t, "fair", 50, 0, 1)
	for id := range campaign.ID(8) {
		p.want(id+1, endless, lasting(time.Duration(id+1)*5*time.Second))
		p.run(time.Duration(id+1) * 20 * time.Minute)
	}
	p.Pause(3, true)
	p.Pause(4, true)
	require.Greater(t, p.run(3*time.Hour).Jain(), 0.999)
}

func TestForgottenCampaignsLeaveNothing(t *testing.T) {
	p := start(t, "fair", 5, 0, 1)
	p.want(1, endless, lasting(10*time.Second))
	p.run(time.Minute)
	p.Remove(1)
	p.run(time.Minute)
	r := p.meter.Read(p.Now())
	require.Empty(t, r.Campaigns)
	p.want(2, endless, lasting(10*time.Second))
	p.meter.Window(p.Now())
	p.run(time.Minute)
	used, _ := p.meter.Window(p.Now()).ChannelsUsed()
	require.InDelta(t, 1, used, 1e-9)
}

func BenchmarkMeter(b *testing.B) {
	m := sim.NewMeter(eight)
	m.Capacity(100, 10, eight)
	now := eight
	for i := range b.N {
		id := campaign.ID(i % 1000)
		now = now.Add(time.Millisecond)
		m.Wants(id, sim.Waiting, now)
		m.Granted(id, now)
		m.Wants(id, sim.Limited, now)
		m.Released(id, now, now, time.Second)
	}
}

// Nine campaigns of one group beside one of another: equal groups are equal, however
// many campaigns they have.
func TestGroupsAreMeasuredAsOne(t *testing.T) {
	groups := sim.NewMeter(eight)
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	campaigns := sim.NewMeter(eight)
	group := func(id campaign.ID) (campaign.ID, float64) {
		if id == 10 {
			return 102, 1
		}
		return 101, 1
	}
	p := play{sim.New(sim.Config{Strategy: s, Channels: 20, Start: eight, Observer: sim.Both{First: campaigns, Second: sim.NewGroups(groups, group)}}), campaigns}
	for id := campaign.ID(1); id <= 10; id++ {
		c := lasting(10 * time.Second)
		c.Terms.Group = map[bool]string{true: "south", false: "north"}[id == 10]
		p.want(id, endless, c)
	}
	each := p.run(3 * time.Hour)
	both := groups.Read(p.Now())
	require.Len(t, both.Campaigns, 2)
	require.InDelta(t, 1, both.Jain(), 0.001)
	require.InDelta(t, both.Campaigns[0].Slots, both.Campaigns[1].Slots, 600)
	require.InDelta(t, each.Pool.Busy, both.Pool.Busy, 1e-6)
	require.Less(t, each.Jain(), 0.6, "between campaigns it is not equal")
}
