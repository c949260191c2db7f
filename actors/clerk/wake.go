package clerk

import (
	"slices"
	"time"

	"dialtone/actors/book"
	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// naked is how soon a report comes again that was given back.
const naked = 100 * time.Millisecond

// GiveBack lets a report come again soon, to whoever owns the partition then.
func GiveBack(r bus.Receipt) {
	_ = r.Nak(naked) // if that is lost, it comes after the ack wait
}

// LayDown ends a life: the reports that it has not acknowledged are delivered again, to
// the next one, without the wait for which they would come anyway.  It returns the
// requests that it has not answered, for the next one to obey: commands are idempotent.
//
// Everything submitted must have been answered.
func (k *Clerk) LayDown() []Request {
	if k.mind != nil {
		k.mind.Unacknowledged(func(r machine.Ref) { GiveBack(r.(bus.Receipt)) })
	}
	return k.Unanswered()
}

// Unanswered lets go of the requests that were not answered.
func (k *Clerk) Unanswered() (requests []Request) {
	requests, k.asking = k.asking, nil
	return requests
}

// Wake begins a life, after LayDown, with what the store has: see machine.New.  What of
// it the last life was asked for, it is told.  It performs what the new machine wants.
func (k *Clerk) Wake(cfg machine.Config, c campaign.Campaign, zones []machine.Zone, open []machine.Open, now time.Time) Next {
	k.life++
	k.broken = false
	k.stands = nil
	k.out.Reset()
	k.handOn(open)
	k.routed = cfg.Table
	k.mind = machine.New(cfg, c, zones, open, now, &k.out)
	h := book.Holds{Campaign: k.id}
	k.mind.Held(func(p machine.Progress) { h.Tokens = append(h.Tokens, p) })
	k.world.Tell(h)
	k.first = true
	return k.perform(now)
}

// Stand speaks for a campaign of which no machine can be built: it holds the slots of its
// open calls, and asks for nothing.  The next Wake takes over from there.
func (k *Clerk) Stand(open []machine.Open, now time.Time) {
	k.stands = machine.Holds(open, now)
	k.stand()
}

// Over gives back the slot of a call that has ended, of a campaign of which no machine can
// be built.  The report is still to be taken in: the next Wake holds the slot until then.
func (k *Clerk) Over(id campaign.AttemptID) {
	was := len(k.stands) // the desk reads what it was told: what is left is a slice of its own
	k.stands = slices.DeleteFunc(slices.Clone(k.stands), func(p machine.Progress) bool { return p.Attempt == id })
	if len(k.stands) < was {
		k.stand()
	}
}

// Decline gives back tokens that came for a campaign of which no machine can be built.
func (k *Clerk) Decline(g book.Granted) {
	k.seen = g.Mark
	k.stand()
}

func (k *Clerk) stand() {
	k.world.Tell(book.Holds{Campaign: k.id, Tokens: k.stands})
	k.world.Tell(&book.Wants{Demand: scheduler.Demand{Campaign: k.id, Seen: k.seen}})
}

// handOn tells the next machine what the last one was asked for.
func (k *Clerk) handOn(open []machine.Open) {
	if k.mind == nil {
		return
	}
	wishes := make(map[campaign.CallID]machine.Wish)
	k.mind.Wishes(func(id campaign.CallID, w machine.Wish) { wishes[id] = w })
	for i := range open {
		open[i].Wish = wishes[open[i].Call.ID]
	}
}

// Refresh reads the campaign again.  One read is under way at a time, and another
// follows if that was asked for meanwhile: so no older answer comes after a newer
// one.
func (k *Clerk) Refresh() {
	if k.reading {
		k.readAgain = true
		return
	}
	k.reading = true
	k.world.Reread(k.life)
}

func (k *Clerk) refreshed(r Reread) {
	k.reading = false
	if r.Input != nil && r.Life == k.life {
		if r.Input.Table == k.routed {
			r.Input.Table = nil // it is as it was
		} else {
			k.routed = r.Input.Table
		}
		k.input(*r.Input)
	}
	if k.readAgain {
		k.readAgain = false
		k.Refresh()
	}
}
