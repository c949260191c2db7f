package strategy

import (
	"cmp"
	"container/heap"
	"time"

	"dialtone/campaign"
)

// fair is start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) on the
// dominant cost of a call: the share that it takes of whichever binds, the
// channels or the calls per second.  The length of a call is not known when its
// token is granted, so a guess is charged then, the running mean of the
// campaign's calls, and settled when the token comes back.
//
// A newcomer's first call goes before all others', whatever their v: settling may
// have taken them back behind the present, where the newcomer begins.  That is one
// call a campaign.
//
// Invariant: the eligible campaigns are in the heap, ordered by (v, last), those that
// were never granted anything first.
type fair struct {
	campaigns map[campaign.ID]*account
	eligible  accounts
	vmin      float64 // the v of the last one granted: the system's virtual time
	grants    uint64
	perSecond float64 // cost of a second of one channel
	perCall   float64 // cost of one create request
	length    float64 // running mean of all calls' lengths, seconds; 0 before the first
}

// account is what a campaign has used.
type account struct {
	id     campaign.ID
	v      float64 // virtual time: cost charged, divided by weight
	weight float64
	length float64 // running mean of its calls' lengths, seconds
	last   uint64  // number of its last grant; 0 before the first
	at     int     // place in the heap, or -1
}

const (
	// Where nothing limits, the cost is still measured against something.
	nominalChannels = 1000
	nominalRate     = 10_000
	// firstGuess is the length taken for a campaign's first calls as long as no call of
	// any campaign has ended, in seconds.  Then it is the mean of all campaigns' calls:
	// with a guess far above that, a newcomer is kept short until its first calls end.
	firstGuess = 10.0
	// gain is the weight of the newest call in the running mean.
	gain = 0.1
)

func newFair() *fair {
	f := &fair{campaigns: make(map[campaign.ID]*account)}
	f.SetCapacity(0, 0)
	return f
}

func (f *fair) account(id campaign.ID) *account {
	a := f.campaigns[id]
	if a == nil {
		a = &account{id: id, v: f.vmin, weight: 1, length: cmp.Or(f.length, firstGuess), at: -1}
		f.campaigns[id] = a
	}
	return a
}

func (f *fair) cost(seconds float64) float64 {
	return max(f.perCall, seconds*f.perSecond)
}

// Enter lifts a campaign that was away to the present, less a credit of one
// guess: nobody banks idle time.
//
// Invariant: the credit is counted from the last grant's v, and not from the least,
// which may have entered on credit itself: a thousand would take each other a
// thousand guesses back.
func (f *fair) Enter(id campaign.ID) {
	a := f.account(id)
	if a.at >= 0 {
		return
	}
	now := f.vmin
	if len(f.eligible) > 0 {
		now = max(now, f.eligible[0].v)
	}
	a.v = max(a.v, now-f.cost(a.length)/a.weight)
	heap.Push(&f.eligible, a)
}

func (f *fair) Leave(id campaign.ID) {
	if a := f.campaigns[id]; a != nil && a.at >= 0 {
		heap.Remove(&f.eligible, a.at)
	}
}

func (f *fair) Next(time.Time) (campaign.ID, bool) {
	if len(f.eligible) == 0 {
		return 0, false
	}
	return f.eligible[0].id, true
}

func (f *fair) Grant(id campaign.ID) Charge {
	a := f.account(id)
	f.grants++
	f.vmin = max(f.vmin, a.v)
	guess := f.cost(a.length)
	a.last = f.grants
	f.charge(a, guess)
	return Charge{cost: guess}
}

func (f *fair) Adopt(id campaign.ID) Charge {
	a := f.account(id)
	guess := f.cost(a.length)
	f.charge(a, guess)
	return Charge{cost: guess}
}

func (f *fair) Release(id campaign.ID, c Charge, held time.Duration) {
	a := f.account(id)
	if held == 0 {
		f.charge(a, -c.cost)
		return
	}
	a.length += gain * (held.Seconds() - a.length)
	f.length = cmp.Or(f.length, held.Seconds())
	f.length += gain * (held.Seconds() - f.length)
	f.charge(a, f.cost(held.Seconds())-c.cost)
}

func (f *fair) charge(a *account, cost float64) {
	a.v += cost / a.weight
	if a.at >= 0 {
		heap.Fix(&f.eligible, a.at)
	}
}

func (f *fair) Set(id campaign.ID, t Terms) { f.account(id).weight = t.Weight }

func (f *fair) SetCapacity(channels int, callsPerSecond float64) {
	f.perSecond, f.perCall = 1.0/nominalChannels, 1.0/nominalRate
	if channels > 0 {
		f.perSecond = 1 / float64(channels)
	}
	if callsPerSecond > 0 {
		f.perCall = 1 / callsPerSecond
	}
}

func (f *fair) Forget(id campaign.ID) {
	f.Leave(id)
	delete(f.campaigns, id)
}

// accounts is a heap: newcomers, then by (v, last).
type accounts []*account

func (h accounts) Len() int { return len(h) }
func (h accounts) Less(i, j int) bool {
	if fresh := h[i].last == 0; fresh != (h[j].last == 0) {
		return fresh
	}
	if h[i].v != h[j].v {
		return h[i].v < h[j].v
	}
	return h[i].last < h[j].last
}
func (h accounts) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *accounts) Push(x any) {
	a := x.(*account)
	a.at = len(*h)
	*h = append(*h, a)
}
func (h *accounts) Pop() any {
	old := *h
	a := old[len(old)-1]
	a.at = -1
	*h = old[:len(old)-1]
	return a
}
