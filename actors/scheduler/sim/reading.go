package sim

import (
	"time"

	"dialtone/campaign"
)

// Usage is what one campaign had in a span of time.
//
// The cost of a call of d seconds is max(1/R, d/C), with C channels and R calls per
// second: the part that it takes of whichever binds.  For calls that are up it is
// reckoned with what they lasted so far.
type Usage struct {
	Campaign campaign.ID `json:"campaign"`
	Weight   float64     `json:"weight"`
	Held     int         `json:"held"`  // at the end of the span
	Calls    int         `json:"calls"` // that went out
	// Slots is for how long it held channels, in seconds of one channel.
	Slots float64 `json:"slot_seconds"`
	// Cost of its calls, in seconds of the whole capacity.
	Cost float64 `json:"cost_seconds"`
	// Waited is how long it could have used a token: it had something to dial, was in
	// its hours, and below its own limit.
	Waited time.Duration `json:"waited_ns"`
	// Longest is the longest wait for a token, from when it could use one, or from
	// its token before, until it got one or could use none any more.  A wait that is
	// not over counts.
	Longest time.Duration `json:"longest_wait_ns"`
	// Open: it waits at the end of the span.
	Open bool `json:"waiting,omitempty"`
	// First is the wait for the first call.
	First time.Duration `json:"first_wait_ns"`
	// Served is the cost that accrued while it wanted tokens, be it that it Waited or
	// that its own limit held it back.
	Served float64 `json:"served_seconds"`
	// Entitled is what its weight gave it of the capacity in that time, in seconds
	// of the whole: the integral of weight divided by the weights of all that wanted
	// tokens at the same moment.
	Entitled float64 `json:"entitled_seconds"`
}

// Wait is the mean wait for a token, one that is not over included; all that it Waited
// for where it got none.
func (u Usage) Wait() time.Duration {
	waits := u.Calls
	if u.Open {
		waits++
	}
	return u.Waited / time.Duration(max(waits, 1))
}

// since is what u has more than at an earlier time.
func (u Usage) since(mark Usage) Usage {
	u.Calls -= mark.Calls
	u.Slots -= mark.Slots
	u.Cost -= mark.Cost
	u.Waited -= mark.Waited
	u.Served -= mark.Served
	u.Entitled -= mark.Entitled
	return u
}

// Pool is what was used of what is shared.
type Pool struct {
	Calls int     `json:"calls"`
	Busy  float64 `json:"slot_seconds"` // seconds of one channel
	// Contended is for how long somebody Waited, in seconds; ContendedBusy and
	// ContendedCalls are what was used in that time.
	Contended      float64 `json:"contended_seconds"`
	ContendedBusy  float64 `json:"contended_slot_seconds"`
	ContendedCalls int     `json:"contended_calls"`

	counted int // calls that ContendedCalls has seen
}

func (p Pool) since(mark Pool) Pool {
	p.Calls -= mark.Calls
	p.Busy -= mark.Busy
	p.Contended -= mark.Contended
	p.ContendedBusy -= mark.ContendedBusy
	p.ContendedCalls -= mark.ContendedCalls
	return p
}

// Reading is what all had in a span of time.
type Reading struct {
	From           time.Time `json:"from"`
	Until          time.Time `json:"until"`
	Channels       int       `json:"channels"`
	CallsPerSecond float64   `json:"calls_per_second"`
	Pool           Pool      `json:"pool"`
	Campaigns      []Usage   `json:"campaigns"` // by id
}

// ChannelsUsed is the part of the channels that was in use while somebody waited for
// a token; ok is false where nobody did, or channels are not limited.
func (r Reading) ChannelsUsed() (part float64, ok bool) {
	if r.Channels <= 0 || r.Pool.Contended <= 0 {
		return 0, false
	}
	return r.Pool.ContendedBusy / (float64(r.Channels) * r.Pool.Contended), true
}

// RateUsed is the same of the calls per second.  Tokens are paced evenly, so
// it does not exceed 1 by more than the burst.
func (r Reading) RateUsed() (part float64, ok bool) {
	if r.CallsPerSecond <= 0 || r.Pool.Contended <= 0 {
		return 0, false
	}
	return float64(r.Pool.ContendedCalls) / (r.CallsPerSecond * r.Pool.Contended), true
}

// Cost is that of all.
func (r Reading) Cost() (sum float64) {
	for i := range r.Campaigns {
		sum += r.Campaigns[i].Cost
	}
	return sum
}

// Jain is Jain's fairness index (Jain, Chiu, Hawe, 1984) of what campaigns were
// Served, measured by what they were Entitled to: 1 when each had the same multiple
// of it, 1/n when one of n had all.  Where all n want tokens all the time, that is
// the index of cost divided by weight.
//
// A campaign counts by the time that it Waited, since only then somebody else was
// preferred to it: with x for Served/Entitled and e for Waited, the index is
// (Σ e·x)² / (Σ e · Σ e·x²).  So one that its own limit holds back all the time does
// not count, one that came late counts little, and one that had its share while
// only few others were there is not blamed for that.
func (r Reading) Jain() float64 {
	var time, sum, squares float64
	for i := range r.Campaigns {
		u := &r.Campaigns[i]
		e := u.Waited.Seconds()
		if e <= 0 || u.Entitled <= 0 {
			continue
		}
		x := u.Served / u.Entitled
		time += e
		sum += e * x
		squares += e * x * x
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (time * squares)
}
