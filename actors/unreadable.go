package actors

import (
	"context"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
)

// unreadableAfter is how often in a row a campaign could not be read before its actor
// does without.  It takes some two seconds.
const unreadableAfter = 6

// unreadableNak is how soon a report comes again for a campaign that can't be read.
const unreadableNak = 5 * time.Second

// need reads what no machine can be built without, however often that takes.
//
// A database that is away holds up every campaign alike.  A campaign that alone can't be
// read, since its row is spoiled or was written by a newer version, must not hold up the
// others: the scheduler grants to nobody before it knows what each partition has up.
// Such a campaign is spoken for by its open calls, and asks for nothing.
func (a *actor) need(ctx context.Context, what string, read func() error) {
	failed := 0
	insist(ctx, a.log, what, func() error {
		err := read()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if failed++; failed >= unreadableAfter {
			a.doWithout(ctx, err)
		}
		return err
	})
}

// doWithout serves a campaign that can't be read as far as can be: what it has up is
// counted, until its end is reported, who asks is told, and reports come again.
func (a *actor) doWithout(ctx context.Context, cause error) {
	if !a.unreadable {
		open, err := a.open(ctx, func(read func() error) error { return read() })
		if err != nil {
			return // it is more than this campaign's row that can't be read
		}
		a.log.Error("this campaign can't be read, so nothing is dialled for it; what it has up is counted", "open", len(open), "error", cause)
		a.unreadable = true
		a.clerk.Stand(open, time.Now())
		a.part.unreadable(a.id, true)
		a.part.awoke(a)
	}
	for _, m := range a.arrived() {
		a.turnAway(m)
	}
}

// readable notes that a machine could be built after all, or that none is needed.
func (a *actor) readable() {
	if a.unreadable {
		a.log.Info("this campaign can be read again")
		a.unreadable = false
		a.part.unreadable(a.id, false)
	}
}

// turnAway deals with what comes for a campaign that can't be read.
func (a *actor) turnAway(m any) {
	switch m := m.(type) {
	case *bus.Request:
		m.Fail(campaign.Unavailable("Campaign %v can't be read from the database; the log of the node that owns it says why.", a.id))
	case explained:
		m.request.Fail(campaign.Unavailable("Campaign %v can't be read from the database.", a.id))
	case bus.ReportDelivery:
		if r := &m.Report; r.Kind == campaign.ReportRefused || r.Kind == campaign.ReportEnded && r.Disposition != campaign.DispositionLost {
			a.clerk.Over(r.Attempt)
		}
		_ = m.Nak(unreadableNak) // if that is lost, it comes after the ack wait
	case granted:
		a.clerk.Decline(m)
	case rerouted: // who is built anew knows
	default:
		a.kept = append(a.kept, m)
	}
}
