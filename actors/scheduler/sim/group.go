package sim

import (
	"time"

	"dialtone/campaign"
)

// Groups is an Observer that hears of campaigns and tells a Meter of groups, each as
// if it were one campaign, so that what groups have can be measured as well.  A
// campaign without a group stands for itself.
//
// A group is Waiting while one of its campaigns is, and Limited while one of those
// that want tokens is held back by its own limit and none Waiting.
type Groups struct {
	meter   *Meter
	of      func(campaign.ID) (group campaign.ID, weight float64)
	members map[campaign.ID]*members
	wants   map[campaign.ID]Want // of campaigns
}

// members counts a group's campaigns by what they want.
type members [Waiting + 1]int

// NewGroups tells a meter.  of gives a campaign's group as the meter is to know it, or
// the campaign itself, and with what weight that shares; it must not change.
func NewGroups(m *Meter, of func(campaign.ID) (campaign.ID, float64)) *Groups {
	return &Groups{meter: m, of: of, members: make(map[campaign.ID]*members), wants: make(map[campaign.ID]Want)}
}

func (g *Groups) group(id campaign.ID, now time.Time) campaign.ID {
	group, weight := g.of(id)
	if g.members[group] == nil {
		g.members[group] = new(members)
		g.meter.Weighs(group, weight, now)
	}
	return group
}

// Capacity tells what is shared.
func (g *Groups) Capacity(channels int, callsPerSecond float64, now time.Time) {
	g.meter.Capacity(channels, callsPerSecond, now)
}

// Weighs counts only for a campaign that stands for itself.
func (g *Groups) Weighs(id campaign.ID, weight float64, now time.Time) {
	if g.group(id, now) == id {
		g.meter.Weighs(id, weight, now)
	}
}

// Wants tells what the group wants, if that changes.
func (g *Groups) Wants(id campaign.ID, w Want, now time.Time) {
	group := g.group(id, now)
	m := g.members[group]
	was := m.want()
	if before := g.wants[id]; before != Idle {
		m[before]--
	}
	if g.wants[id] = w; w != Idle {
		m[w]++
	}
	if is := m.want(); is != was {
		g.meter.Wants(group, is, now)
	}
}

func (m *members) want() Want {
	for w := Waiting; w > Idle; w-- {
		if m[w] > 0 {
			return w
		}
	}
	return Idle
}

// Granted tells of a token for the group.
func (g *Groups) Granted(id campaign.ID, now time.Time) { g.meter.Granted(g.group(id, now), now) }

// Adopted tells of a call of the group's.
func (g *Groups) Adopted(id campaign.ID, now time.Time) { g.meter.Adopted(g.group(id, now), now) }

// Released tells of a token of the group's.
func (g *Groups) Released(id campaign.ID, since, now time.Time, held time.Duration) {
	g.meter.Released(g.group(id, now), since, now, held)
}

// Forgotten takes a campaign out of its group, whose account stays.
func (g *Groups) Forgotten(id campaign.ID, now time.Time) {
	g.Wants(id, Idle, now)
	delete(g.wants, id)
}

// Both is two observers that hear the same.
type Both struct{ First, Second Observer }

// Capacity tells both.
func (b Both) Capacity(channels int, callsPerSecond float64, now time.Time) {
	b.First.Capacity(channels, callsPerSecond, now)
	b.Second.Capacity(channels, callsPerSecond, now)
}

// Weighs tells both.
func (b Both) Weighs(id campaign.ID, weight float64, now time.Time) {
	b.First.Weighs(id, weight, now)
	b.Second.Weighs(id, weight, now)
}

// Wants tells both.
func (b Both) Wants(id campaign.ID, w Want, now time.Time) {
	b.First.Wants(id, w, now)
	b.Second.Wants(id, w, now)
}

// Granted tells both.
func (b Both) Granted(id campaign.ID, now time.Time) {
	b.First.Granted(id, now)
	b.Second.Granted(id, now)
}

// Adopted tells both.
func (b Both) Adopted(id campaign.ID, now time.Time) {
	b.First.Adopted(id, now)
	b.Second.Adopted(id, now)
}

// Released tells both.
func (b Both) Released(id campaign.ID, since, now time.Time, held time.Duration) {
	b.First.Released(id, since, now, held)
	b.Second.Released(id, since, now, held)
}

// Forgotten tells both.
func (b Both) Forgotten(id campaign.ID, now time.Time) {
	b.First.Forgotten(id, now)
	b.Second.Forgotten(id, now)
}
