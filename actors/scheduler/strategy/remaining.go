package strategy

import (
	"container/heap"
	"math"
	"time"

	"dialtone/campaign"
)

// remaining serves who has the fewest calls left to place first, or the most.  So that
// nobody starves, waiting counts: for each span of aging that a campaign has waited
// for a token, what it has left counts as half, or as twice, as much.  Shortest job
// first with ageing, that is, in an order that time does not change:
//
//	± log2(left) + (time of the last token) / aging
//
// A group counts as the sum of what its campaigns have left; inside it they are ordered
// alike.
type remaining struct {
	sign  float64 // 1 for the fewest first, -1 for the most
	aging float64 // seconds
	began time.Time
	now   float64 // seconds since began, as of the latest Next
	given uint64  // tokens
	root  queued
	of    map[campaign.ID]*queued
	group map[string]*queued
}

// queued is a campaign, a group, or the root.
type queued struct {
	parent  *queued
	id      campaign.ID
	group   string
	left    int     // calls to be placed; of a group, the sum
	turn    float64 // since when it waits: its last token, moved on by the time away
	away    float64 // since when it could not use one, where it can't
	order   float64
	last    uint64 // number of its last token among all
	at      int    // place among its parent's eligible, or -1
	members int    // of a group
	waiting line
}

func newRemaining(most bool, aging time.Duration) *remaining {
	r := &remaining{sign: 1, aging: aging.Seconds(), of: make(map[campaign.ID]*queued), group: make(map[string]*queued)}
	if most {
		r.sign = -1
	}
	return r
}

func (r *remaining) campaign(id campaign.ID) *queued {
	q := r.of[id]
	if q == nil {
		q = &queued{parent: &r.root, id: id, at: -1}
		r.of[id] = q
	}
	return q
}

func (r *remaining) Set(id campaign.ID, t Terms) {
	q := r.campaign(id)
	if q.group != t.Group {
		r.move(q, t.Group)
	}
	if t.Remaining != q.left {
		r.add(q, t.Remaining-q.left)
	}
}

// move puts a campaign into another group.
func (r *remaining) move(q *queued, group string) {
	was, left := q.at >= 0, q.left
	r.part(q)
	q.parent, q.group = &r.root, group
	if group != "" {
		g := r.group[group]
		if g == nil {
			g = &queued{parent: &r.root, group: group, at: -1}
			r.group[group] = g
		}
		g.members++
		q.parent = g
	}
	r.add(q, left)
	if was {
		r.enter(q)
	}
}

// part takes a campaign, with what it has left, out of its group; an empty group is
// forgotten.
func (r *remaining) part(q *queued) {
	r.leave(q)
	r.add(q, -q.left)
	if g := q.parent; g != &r.root {
		if g.members--; g.members == 0 {
			delete(r.group, g.group)
		}
	}
}

// add changes what a campaign has left, and its group.
func (r *remaining) add(q *queued, n int) {
	for ; q.parent != nil; q = q.parent {
		q.left += n
		r.reorder(q)
	}
}

func (r *remaining) reorder(q *queued) {
	q.order = r.sign*math.Log2(float64(max(q.left, 1))) + q.turn/r.aging
	if q.at >= 0 {
		heap.Fix(&q.parent.waiting, q.at)
	}
}

func (r *remaining) Enter(id campaign.ID) { r.enter(r.campaign(id)) }

// enter begins a wait, or goes on with one: time away is not waited, and what was
// waited before is not lost, or whoever is away now and then would never have its turn.
func (r *remaining) enter(q *queued) {
	for ; q.parent != nil && q.at < 0; q = q.parent {
		q.turn = min(q.turn+r.now-q.away, r.now)
		r.reorder(q)
		heap.Push(&q.parent.waiting, q)
	}
}

func (r *remaining) Leave(id campaign.ID) {
	if q := r.of[id]; q != nil {
		r.leave(q)
	}
}

func (r *remaining) leave(q *queued) {
	for ; q.parent != nil && q.at >= 0 && len(q.waiting) == 0; q = q.parent {
		q.away = r.now
		heap.Remove(&q.parent.waiting, q.at)
	}
}

func (r *remaining) Next(now time.Time) (campaign.ID, bool) {
	if r.began.IsZero() {
		r.began = now
	}
	r.now = now.Sub(r.began).Seconds()
	q := &r.root
	for len(q.waiting) > 0 {
		q = q.waiting[0]
	}
	return q.id, q != &r.root
}

func (r *remaining) Grant(id campaign.ID, _ time.Time) Charge {
	q := r.campaign(id)
	r.given++
	for c := q; c.parent != nil; c = c.parent {
		c.turn, c.last = r.now, r.given
	}
	r.add(q, -min(1, q.left))
	return Charge{}
}

func (r *remaining) Adopt(campaign.ID, time.Time) Charge        { return Charge{} }
func (r *remaining) Release(campaign.ID, Charge, time.Duration) {}
func (r *remaining) SetCapacity(int, float64)                   {}

func (r *remaining) Forget(id campaign.ID) {
	if q := r.of[id]; q != nil {
		r.part(q)
		delete(r.of, id)
	}
}

// line is a heap by order; among equals, who had its last token earlier.
type line []*queued

func (h line) Len() int { return len(h) }
func (h line) Less(i, j int) bool {
	if h[i].order != h[j].order {
		return h[i].order < h[j].order
	}
	return h[i].last < h[j].last
}
func (h line) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *line) Push(x any) {
	q := x.(*queued)
	q.at = len(*h)
	*h = append(*h, q)
}
func (h *line) Pop() any {
	old := *h
	q := old[len(old)-1]
	q.at = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return q
}
