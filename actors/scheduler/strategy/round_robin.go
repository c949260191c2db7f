package strategy

import (
	"container/list"
	"time"

	"dialtone/campaign"
)

// roundRobin gives each eligible campaign a token in turn, whatever its calls
// cost: the plain baseline to measure others by.  Weights don't count.
//
// Invariant: next is in the ring unless the ring is empty.  The round begins with it,
// and ends before it; so whoever enters is the last of the round, and can't get
// a second turn in it by leaving and entering.
type roundRobin struct {
	ring list.List // of campaign.ID
	at   map[campaign.ID]*list.Element
	next *list.Element
}

func newRoundRobin() *roundRobin { return &roundRobin{at: make(map[campaign.ID]*list.Element)} }

func (r *roundRobin) Enter(id campaign.ID) {
	switch {
	case r.at[id] != nil:
	case r.next == nil:
		r.next = r.ring.PushBack(id)
		r.at[id] = r.next
	default:
		r.at[id] = r.ring.InsertBefore(id, r.next)
	}
}

// Leave keeps the order of the others, so that nobody loses a turn by it.
func (r *roundRobin) Leave(id campaign.ID) {
	e := r.at[id]
	if e == nil {
		return
	}
	if r.next == e {
		r.advance(e)
	}
	delete(r.at, id)
	r.ring.Remove(e)
	if r.ring.Len() == 0 {
		r.next = nil
	}
}

func (r *roundRobin) advance(from *list.Element) {
	if r.next = from.Next(); r.next == nil {
		r.next = r.ring.Front()
	}
}

func (r *roundRobin) Next(time.Time) (campaign.ID, bool) {
	if r.next == nil {
		return 0, false
	}
	return r.next.Value.(campaign.ID), true
}

func (r *roundRobin) Grant(id campaign.ID) Charge {
	if e := r.at[id]; e != nil {
		r.advance(e)
	}
	return Charge{}
}

func (r *roundRobin) Adopt(campaign.ID) Charge                   { return Charge{} }
func (r *roundRobin) Release(campaign.ID, Charge, time.Duration) {}
func (r *roundRobin) Set(campaign.ID, Terms)                     {}
func (r *roundRobin) SetCapacity(int, float64)                   {}
func (r *roundRobin) Forget(id campaign.ID)                      { r.Leave(id) }
