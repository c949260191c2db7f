package strategy

import (
	"time"

	"dialtone/campaign"
)

// roundRobin gives each group, and each campaign without one, a token in turn, and
// inside a group each campaign in turn, whatever their calls cost: the plain baseline
// to measure others by.  Weights don't count.
type roundRobin struct {
	root   seat
	of     map[campaign.ID]*seat
	groups map[string]*seat
}

// seat is a campaign, a group, or the root, in the ring of its parent.
//
// Invariant: turn is one of the seats in the ring, nil for an empty one.  The round
// begins with it, and ends before it; so whoever enters is the last of the round, and
// can't get a second turn in it by leaving and entering.
type seat struct {
	parent     *seat
	id         campaign.ID
	group      string
	prev, next *seat // in the parent's ring; nil while not eligible
	turn       *seat // in the ring of its own
	members    int   // of a group
}

func newRoundRobin() *roundRobin {
	return &roundRobin{of: make(map[campaign.ID]*seat), groups: make(map[string]*seat)}
}

func (r *roundRobin) seat(id campaign.ID) *seat {
	s := r.of[id]
	if s == nil {
		s = &seat{id: id, parent: &r.root}
		r.of[id] = s
	}
	return s
}

func (r *roundRobin) Set(id campaign.ID, t Terms) {
	s := r.seat(id)
	if s.group == t.Group {
		return
	}
	was := s.next != nil
	r.part(s)
	s.parent, s.group = &r.root, t.Group
	if t.Group != "" {
		g := r.groups[t.Group]
		if g == nil {
			g = &seat{parent: &r.root, group: t.Group}
			r.groups[t.Group] = g
		}
		g.members++
		s.parent = g
	}
	if was {
		r.Enter(id)
	}
}

// part takes a campaign out of its group; an empty group is forgotten.
func (r *roundRobin) part(s *seat) {
	s.leave()
	if g := s.parent; g != &r.root {
		if g.members--; g.members == 0 {
			delete(r.groups, g.group)
		}
	}
}

func (r *roundRobin) Enter(id campaign.ID) {
	for s := r.seat(id); s.parent != nil && s.next == nil; s = s.parent {
		s.enter()
	}
}

// enter takes the last place of the round.
func (s *seat) enter() {
	first := s.parent.turn
	if first == nil {
		s.prev, s.next = s, s
		s.parent.turn = s
		return
	}
	s.prev, s.next = first.prev, first
	s.prev.next, s.next.prev = s, s
}

func (r *roundRobin) Leave(id campaign.ID) {
	if s := r.of[id]; s != nil {
		s.leave()
	}
}

// leave keeps the order of the others, so that nobody loses a turn by it.  A group
// leaves with the last of its campaigns.
func (s *seat) leave() {
	for ; s.parent != nil && s.next != nil && s.turn == nil; s = s.parent {
		p := s.parent
		if p.turn == s {
			p.turn = s.next
		}
		if s.next == s {
			p.turn = nil
		}
		s.prev.next, s.next.prev = s.next, s.prev
		s.prev, s.next = nil, nil
	}
}

func (r *roundRobin) Next(time.Time) (campaign.ID, bool) {
	s := &r.root
	for s.turn != nil {
		s = s.turn
	}
	return s.id, s != &r.root
}

func (r *roundRobin) Grant(id campaign.ID, _ time.Time) Charge {
	for s := r.seat(id); s.parent != nil; s = s.parent {
		if s.parent.turn == s {
			s.parent.turn = s.next
		}
	}
	return Charge{}
}

func (r *roundRobin) Adopt(campaign.ID, time.Time) Charge        { return Charge{} }
func (r *roundRobin) Release(campaign.ID, Charge, time.Duration) {}
func (r *roundRobin) SetCapacity(int, float64)                   {}

func (r *roundRobin) Forget(id campaign.ID) {
	if s := r.of[id]; s != nil {
		r.part(s)
		delete(r.of, id)
	}
}
