package strategy

import (
	"time"

	"dialtone/campaign"
)

// fair gives every group, and every campaign in its group, the same share of what
// binds, by weight.  See tree.
type fair struct{ *tree }

func (f fair) Set(id campaign.ID, t Terms) { f.set(f.campaign(id), t) }
func (f fair) Enter(id campaign.ID)        { f.enter(f.campaign(id)) }
func (f fair) Forget(id campaign.ID)       { f.forget(id) }

func (f fair) Leave(id campaign.ID) {
	if n := f.campaigns[id]; n != nil {
		f.leave(n)
	}
}

func (f fair) Next(now time.Time) (campaign.ID, bool) {
	n := f.next(now)
	if n == nil {
		return 0, false
	}
	return n.id, true
}

func (f fair) Grant(id campaign.ID, now time.Time) Charge { return f.grant(f.campaign(id), now) }
func (f fair) Adopt(id campaign.ID, now time.Time) Charge { return f.adopt(f.campaign(id), now) }

func (f fair) Release(id campaign.ID, c Charge, held time.Duration) {
	f.settle(f.campaigns[id], c, held)
}

func (f fair) SetCapacity(channels int, callsPerSecond float64) {
	f.setCapacity(channels, callsPerSecond)
}
