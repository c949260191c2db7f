package ownership

import (
	"cmp"
	"slices"
	"time"
)

// Config are the sizes and times of a Mind.  Zero times take the defaults.
type Config struct {
	// Partitions is how many there are.
	Partitions int
	// Batch is how many may be free at once for the sake of evenness. Default 4.
	Batch int
	// Settle is how long the members must have been the same before anything is given,
	// so that of several that come together each partition moves once. Default 300 ms.
	Settle time.Duration
	// Grace is how long a free partition is left to whom it is meant for. Default 2 s.
	Grace time.Duration
	// Distrust is for how long a member is not counted that let a partition lie. Default
	// 1 min.
	Distrust time.Duration
}

func (c Config) withDefaults() Config {
	c.Batch = cmp.Or(c.Batch, 4)
	c.Settle = cmp.Or(c.Settle, 300*time.Millisecond)
	c.Grace = cmp.Or(c.Grace, 2*time.Second)
	c.Distrust = cmp.Or(c.Distrust, time.Minute)
	return c
}

// Stage is how far a node itself is with a partition.
type Stage uint8

// The stages.
const (
	None   Stage = iota // it has nothing to do with it
	Taking              // on its way to own it
	Held                // it owns it
	Giving              // on its way to give it up
)

// Decision is what to do now.
type Decision struct {
	Take []int // ascending
	Give []int
	// Again is when to ask again if nothing else happens before; zero for never.
	Again time.Time
}

// Mind is what one node sees and has thought of.  It is used by one goroutine at a time.
type Mind struct {
	me  string
	cfg Config

	members map[string]bool
	changed time.Time // when the members changed last
	suspect map[string]time.Time
	parts   []part
}

// part is a partition as the node sees it.
type part struct {
	holder string
	since  time.Time // it has this holder
	// meant is for whom it is while it is free, from when on.
	meant   string
	meantAt time.Time

	stage   Stage     // as of the last Decide
	dropped time.Time // when the stage became None
}

// New makes a Mind of a node that sees nobody yet, and that nothing is held.
func New(me string, cfg Config, now time.Time) *Mind {
	m := &Mind{
		me: me, cfg: cfg.withDefaults(),
		members: make(map[string]bool), suspect: make(map[string]time.Time),
		parts: make([]part, cfg.Partitions),
	}
	for i := range m.parts {
		m.parts[i].since = now
	}
	return m
}

// Member tells that a node is there, or not any more.
func (m *Mind) Member(name string, there bool, now time.Time) {
	if m.members[name] == there {
		return
	}
	m.changed = now
	delete(m.suspect, name)
	if there {
		m.members[name] = true
	} else {
		delete(m.members, name)
	}
}

// Alone reports whether no other node is there.
func (m *Mind) Alone() bool {
	return len(m.members) == 0 || len(m.members) == 1 && m.members[m.me]
}

// Holder tells who holds a partition; "" is nobody.
func (m *Mind) Holder(partition int, name string, now time.Time) {
	p := &m.parts[partition]
	if p.holder == name {
		return
	}
	p.holder, p.since, p.meant = name, now, ""
	delete(m.suspect, name) // it is at work
}

// Let tells that the node let go of a partition, unless somebody else was seen to have it
// already.
func (m *Mind) Let(partition int, now time.Time) {
	if m.parts[partition].holder == m.me {
		m.Holder(partition, "", now)
	}
}

// Free reports whether nobody holds a partition, as far as is seen, and since when.
func (m *Mind) Free(partition int) (since time.Time, free bool) {
	p := &m.parts[partition]
	return p.since, p.holder == ""
}

// Decide says what to do.  stages are the node's own, by the number of the partition.
func (m *Mind) Decide(stages []Stage, now time.Time) (d Decision) {
	m.note(stages, now)
	var again alarm
	team := m.team(now, &again)
	if !m.members[m.me] {
		return d
	}
	quotas := Quotas(len(m.parts), m.counts(team))
	m.mean(team, quotas, now)
	d.Take = m.take(now, &again)
	d.Give = m.give(quotas[slices.Index(team, m.me)], now, &again)
	d.Again = again.at
	return d
}

// alarm is the earliest of several times.
type alarm struct{ at time.Time }

func (a *alarm) by(t time.Time) {
	if a.at.IsZero() || t.Before(a.at) {
		a.at = t
	}
}

func (m *Mind) note(stages []Stage, now time.Time) {
	for i := range m.parts {
		p := &m.parts[i]
		if stages[i] == None && p.stage != None {
			p.dropped = now
		}
		p.stage = stages[i]
	}
}

// team are the members that count, by name.  Who has let a partition lie that was meant
// for it does not.
func (m *Mind) team(now time.Time, again *alarm) (team []string) {
	for i := range m.parts {
		p := &m.parts[i]
		if p.free() && p.meant != "" && p.meant != m.me && !now.Before(p.meantAt.Add(m.cfg.Grace)) {
			m.suspect[p.meant] = now.Add(m.cfg.Distrust)
			p.meant = ""
		}
	}
	for name := range m.members {
		until, suspect := m.suspect[name]
		if suspect && now.Before(until) {
			again.by(until)
			continue
		}
		delete(m.suspect, name)
		team = append(team, name)
	}
	slices.Sort(team)
	return team
}

// free: nobody holds it, and the node has no hand in it.
func (p *part) free() bool { return p.holder == "" && p.stage == None }

// left: it is the node's own by its lease, from a life before or for a reason that is
// past, and the node does nothing with it.
func (p *part) left(me string) bool { return p.holder == me && p.stage == None }

// counts is how many partitions each of the team has.
func (m *Mind) counts(team []string) []int {
	counts := make([]int, len(team))
	for i := range m.parts {
		p := &m.parts[i]
		holder := p.holder
		switch p.stage {
		case Taking, Held:
			holder = m.me
		case Giving:
			holder = ""
		}
		if n, ok := slices.BinarySearch(team, holder); ok {
			counts[n]++
		}
	}
	return counts
}

// mean says for whom each free partition is: one of those that have too few.
func (m *Mind) mean(team []string, quotas []int, now time.Time) {
	lacking := m.counts(team)
	for i := range lacking {
		lacking[i] = quotas[i] - lacking[i]
	}
	for i := range m.parts {
		p := &m.parts[i]
		if !p.free() {
			continue
		}
		best := -1
		for n := range team {
			if lacking[n] > 0 && (best < 0 || affinity(team[n], i) > affinity(team[best], i)) {
				best = n
			}
		}
		if best < 0 {
			continue // it is more than all lack, as what is seen is not of one moment
		}
		lacking[best]--
		if p.meant != team[best] {
			p.meant, p.meantAt = team[best], now
		}
	}
}

// affinity is the FNV-1a hash of a name and a number.
func affinity(name string, number int) uint32 {
	h := uint32(2166136261)
	for _, c := range []byte(name) {
		h = (h ^ uint32(c)) * 16777619
	}
	for _, c := range []byte{byte(number), byte(number >> 8)} {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

func (m *Mind) take(now time.Time, again *alarm) (take []int) {
	for i := range m.parts {
		p := &m.parts[i]
		at := time.Time{} // when it is ours to take
		switch {
		case p.left(m.me):
			// One that was just dropped may be seen so for a moment still.
			if !p.dropped.IsZero() {
				at = p.dropped.Add(m.cfg.Grace)
			}
		case !p.free():
			continue
		case p.meant != m.me:
			at = p.since.Add(3 * m.cfg.Grace)
			if p.meant != "" {
				again.by(p.meantAt.Add(m.cfg.Grace))
			}
		}
		if now.Before(at) {
			again.by(at)
			continue
		}
		take = append(take, i)
	}
	return take
}

// give is what the node has beyond its quota, as much of it as may be free at once.
func (m *Mind) give(quota int, now time.Time, again *alarm) []int {
	have, room := 0, m.cfg.Batch
	for i := range m.parts {
		switch p := &m.parts[i]; {
		case p.stage == Held || p.stage == Taking || p.left(m.me):
			have++
		case p.stage == Giving || p.free():
			room--
		}
	}
	if have <= quota {
		return nil
	}
	if settled := m.changed.Add(m.cfg.Settle); now.Before(settled) {
		again.by(settled)
		return nil
	}
	return m.held(min(have-quota, room))
}

// held are up to n partitions that the node owns.
func (m *Mind) held(n int) (out []int) {
	for i := len(m.parts) - 1; i >= 0 && len(out) < n; i-- {
		if m.parts[i].stage == Held {
			out = append(out, i)
		}
	}
	return out
}
