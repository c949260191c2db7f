package strategy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

func campaignID(i int) campaign.ID { return campaign.ID(i + 1) }

// numbers are campaigns as campaignID takes them.
func numbers(ids []campaign.ID) (out []int) {
	for _, id := range ids {
		out = append(out, int(id)-1)
	}
	return out
}

// join lets a campaign of a group in.
func (m *sim) join(group string, weight float64, length func() time.Duration) *dialer {
	d := &dialer{weight: weight, length: length, want: endless, firstCall: -1, terms: strategy.Terms{Group: group}}
	m.enlist(d)
	return d
}

func (m *sim) usedBy(ds ...*dialer) (sum float64) {
	for _, d := range ds {
		sum += m.used(d)
	}
	return sum
}

// Splitting one's numbers into ten campaigns gains nothing.
func TestGroupsShareFirst(t *testing.T) {
	m := newSim(t, "fair", 60, 0)
	var ten []*dialer
	for i := range 10 {
		ten = append(ten, m.join("ten", 1, around(time.Duration(5+5*i)*time.Second, uint64(i))))
	}
	one := m.join("one", 1, around(20*time.Second, 20))
	alone := m.add(1, 0, around(70*time.Second, 21))
	m.run(5 * time.Hour)
	require.InEpsilon(t, m.used(one), m.usedBy(ten...), 0.02)
	require.InEpsilon(t, m.used(one), m.used(alone), 0.02)
	for _, d := range ten {
		require.InEpsilon(t, m.used(one)/10, m.used(d), 0.1, "and inside the group they share alike")
	}
}

func TestGroupWeights(t *testing.T) {
	m := newSim(t, "fair", 60, 0)
	m.lead("fair", map[string]any{"group_weights": map[string]any{"big": 3.0}})
	a, b := m.join("big", 1, around(10*time.Second, 1)), m.join("big", 2, around(30*time.Second, 2))
	other := m.join("small", 5, around(20*time.Second, 3)) // its weight counts in its group only
	m.run(5 * time.Hour)
	require.InEpsilon(t, 3*m.used(other), m.usedBy(a, b), 0.02)
	require.InEpsilon(t, 2*m.used(a), m.used(b), 0.02)
}

// A group that begins a campaign for each few of its numbers gains nothing by it.
func TestGroupsGainNothingByNewcomers(t *testing.T) {
	m := newSim(t, "fair", 10, 0)
	honest := m.join("honest", 1, exactly(10*time.Second))
	var sly []*dialer
	for range 400 {
		d := m.join("sly", 1, exactly(10*time.Second))
		d.want = 1
		sly = append(sly, d)
		m.run(m.now + 2*time.Second)
	}
	require.Greater(t, m.used(honest), 0.9*m.usedBy(sly...))
}

// A group in which nobody wants anything leaves the rest to the others, and banks
// nothing.
func TestIdleGroupBanksNothing(t *testing.T) {
	m := newSim(t, "fair", 10, 0)
	a, b := m.join("a", 1, exactly(10*time.Second)), m.join("b", 1, exactly(10*time.Second))
	m.run(time.Minute)
	b.want = 0
	m.consider(b)
	m.run(time.Hour)
	require.Greater(t, m.utilisation(), 0.9999)
	b.want = endless
	m.consider(b)
	before := m.used(a)
	m.run(time.Hour + 10*time.Minute)
	require.InEpsilon(t, 0.5*(10*time.Minute).Seconds(), m.used(a)-before, 0.1)
}

// Who changes its group brings neither credit nor debt.
func TestChangingTheGroup(t *testing.T) {
	m := newSim(t, "fair", 40, 0)
	a, b := m.join("x", 1, around(20*time.Second, 1)), m.join("x", 1, around(20*time.Second, 2))
	c := m.join("y", 1, around(20*time.Second, 3))
	m.run(time.Hour)
	b.terms.Group = "y"
	m.tell(b)
	was := []float64{m.used(a), m.used(b), m.used(c)}
	m.run(2 * time.Hour)
	gotA, gotB, gotC := m.used(a)-was[0], m.used(b)-was[1], m.used(c)-was[2]
	require.InEpsilon(t, gotA, gotB+gotC, 0.03)
	require.InEpsilon(t, gotB, gotC, 0.05)
	c.terms.Group = ""
	m.tell(c)
	was = []float64{m.used(a), m.used(b), m.used(c)}
	m.run(3 * time.Hour)
	require.InEpsilon(t, m.used(a)-was[0], m.used(b)-was[1], 0.05)
	require.InEpsilon(t, m.used(a)-was[0], m.used(c)-was[2], 0.05)
}

func TestRoundRobinTakesTurnsBetweenGroups(t *testing.T) {
	s, err := strategy.New("round_robin", nil)
	require.NoError(t, err)
	for i, group := range []string{"", "g", "g", "h"} {
		s.Set(campaignID(i), strategy.Terms{Group: group})
		s.Enter(campaignID(i))
	}
	require.Equal(t, []int{0, 1, 3, 0, 2, 3, 0, 1, 3}, numbers(turns(s, 9)))
	s.Leave(campaignID(2))
	require.Equal(t, []int{0, 1, 3, 0, 1, 3}, numbers(turns(s, 6)))
	s.Set(campaignID(1), strategy.Terms{Group: "h"})
	require.Equal(t, []int{0, 3, 0, 1}, numbers(turns(s, 4)))
}

// Nor does one that has a single campaign at a time, and begins the next one when that
// is done: the group is no newcomer.
func TestGroupsGainNothingByOneAfterTheOther(t *testing.T) {
	s := newStrategy(t, "fair", 10, 0)
	s.Set(1, strategy.Terms{Weight: 1, Group: "honest"})
	s.Enter(1)
	honest, sly := 0, 0
	for id := range campaign.ID(6000) {
		id += 100
		s.Set(id, strategy.Terms{Weight: 1, Group: "sly"})
		s.Enter(id)
		for got := campaign.ID(0); got != id; {
			got, _ = s.Next(start)
			s.Release(got, s.Grant(got, start), 10*time.Second)
			if got == id {
				sly++
			} else {
				honest++
			}
		}
		s.Forget(id)
	}
	require.InDelta(t, sly, honest, 2)
}

// That memory has an end.
func TestEmptyGroupsAreForgotten(t *testing.T) {
	s := newStrategy(t, "fair", 10, 0)
	for id := range campaign.ID(5000) {
		s.Set(id, strategy.Terms{Weight: 1, Group: id.String()})
		s.Set(id, strategy.Terms{Weight: 1, Group: "kept"})
		s.Enter(id)
		require.LessOrEqual(t, strategy.Groups(s), 1002)
	}
	got := turns(s, 5000)
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 5000, "the group that is in use was kept")
}

// What a group was charged for calls of a campaign that has left it is settled there:
// where the campaign is now it brings neither what was charged too much nor too little.
func TestGroupKeepsItsCharges(t *testing.T) {
	for _, length := range []time.Duration{time.Second, time.Hour} {
		s := newStrategy(t, "fair", 100, 0)
		for i, group := range []string{"a", "b", "c", "a"} {
			s.Set(campaignID(i), strategy.Terms{Weight: 1, Group: group, Length: time.Minute})
		}
		for i := 1; i < 4; i++ {
			s.Enter(campaignID(i))
		}
		turns(s, 3)
		var charges []strategy.Charge
		for range 50 {
			charges = append(charges, s.Grant(campaignID(0), start))
		}
		s.Set(campaignID(0), strategy.Terms{Weight: 1, Group: "b"})
		for _, c := range charges {
			s.Release(campaignID(0), c, length)
		}
		got := numbers(turns(s, 6))
		if length == time.Second {
			require.ElementsMatch(t, []int{1, 2, 3}, got[3:], "and it gets back what it was charged too much")
		} else {
			require.ElementsMatch(t, []int{1, 2, 1, 2, 1, 2}, got, "and it pays what they cost")
		}
	}
}

// A group that has run for long and one that has just begun live in times of their own.
func TestChangingToAYoungGroup(t *testing.T) {
	m := newSim(t, "fair", 40, 0)
	a, b := m.join("old", 1, around(20*time.Second, 1)), m.join("old", 1, around(20*time.Second, 2))
	m.run(5 * time.Hour)
	c := m.join("young", 1, around(20*time.Second, 3))
	m.run(m.now + time.Minute)
	b.terms.Group = "young"
	m.tell(b)
	was := []float64{m.used(a), m.used(b), m.used(c)}
	m.run(m.now + time.Hour)
	require.InEpsilon(t, m.used(b)-was[1], m.used(c)-was[2], 0.1)
	require.InEpsilon(t, m.used(a)-was[0], m.used(b)-was[1]+m.used(c)-was[2], 0.05)
}
