package actors

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"dialtone/actors/clerk"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

const openPage = 2000

// wake builds the machine from the store.  It is false when the actor can't live:
// its partition is lost or is to be left, or there is no such campaign.
func (a *actor) wake(ctx, begin context.Context) bool {
	if !a.settlePast(ctx) {
		return false
	}
	a.layDown()
	c, zones, open, found := a.recall(begin)
	if begin.Err() != nil {
		return false // nothing is in hand: the next owner builds its own
	}
	if !found {
		a.readable()
		a.bury(ctx)
		return false
	}
	cfg := a.machine
	cfg.Table = a.routes()
	next := a.clerk.Wake(cfg, c, zones, open, time.Now())
	a.readable()
	a.part.awoke(a)
	if len(a.kept) > 0 {
		raise(a.box.signal)
	}
	if next == clerk.Renew {
		return a.wake(ctx, begin)
	}
	return !a.retires(next)
}

// settlePast waits until what an earlier life submitted is in the store, or
// refused.  What comes meanwhile is kept for the next life, which drops what is
// not for it.  It is false when the partition is lost.
func (a *actor) settlePast(ctx context.Context) bool {
	for !a.clerk.Settled() {
		select {
		case <-ctx.Done():
			return false
		case <-a.box.signal:
		}
		for _, m := range a.box.take() {
			c, ok := m.(*clerk.Commit)
			if !ok {
				a.kept = append(a.kept, m)
			} else if !a.clerk.Confirm(c) {
				a.deposed()
				return false
			}
		}
	}
	return ctx.Err() == nil
}

// layDown ends the life before.  What it has not answered the next one obeys first.
func (a *actor) layDown() {
	var again []any
	for _, r := range a.clerk.LayDown() {
		again = append(again, r)
	}
	a.kept = append(again, a.kept...)
}

// recall reads the campaign, its zones and its open calls.
func (a *actor) recall(ctx context.Context) (c campaign.Campaign, zones []machine.Zone, open []machine.Open, found bool) {
	a.need(ctx, "read the campaign", func() (err error) {
		c, err = a.store.Campaign(ctx, a.id)
		found = err == nil
		if campaign.CodeOf(err) == campaign.CodeNotFound {
			return nil
		}
		return err
	})
	if !found {
		return c, nil, nil, false
	}
	a.need(ctx, "read the zones of a campaign", func() (err error) {
		zones, err = a.zones(ctx)
		return err
	})
	open, _ = a.open(ctx, func(read func() error) error {
		insist(ctx, a.log, "read open calls", read)
		return ctx.Err()
	})
	return c, zones, open, true
}

// open reads the open calls, page by page; each page is tried for, until it can't be had.
func (a *actor) open(ctx context.Context, try func(read func() error) error) (open []machine.Open, err error) {
	var after campaign.CallID
	for {
		var page []store.OpenCall
		err := try(func() (err error) {
			page, err = a.store.Open(ctx, a.id, after, openPage)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, o := range page {
			open = append(open, machine.Open{Call: o.Call, Current: o.Current})
			after = o.ID
		}
		if len(page) < openPage {
			return open, nil
		}
	}
}

// zones are those in which the campaign has calls.
func (a *actor) zones(ctx context.Context) ([]machine.Zone, error) {
	found, err := a.store.Zones(ctx, a.id)
	out := make([]machine.Zone, len(found))
	for i, z := range found {
		out[i] = machine.Zone{ID: z.ID, Zones: z.Zones}
	}
	return out, err
}

// bury answers everything that came for a campaign that does not exist.
func (a *actor) bury(ctx context.Context) {
	for {
		for _, m := range a.arrived() {
			refuse(m, campaign.NotFound("There is no campaign %v.", a.id))
		}
		if a.part.retire(a) || ctx.Err() != nil {
			return
		}
	}
}

// insist repeats f with growing pauses until it succeeds or ctx ends.
func insist(ctx context.Context, log *slog.Logger, what string, f func() error) {
	pause := 50 * time.Millisecond
	for {
		err := f()
		if err == nil || ctx.Err() != nil {
			return
		}
		log.Warn("could not "+what+"; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause + rand.N(pause)):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// setback is how long a machine that fails soon after it was built lets the store
// rest: what spoiled it may still be there.
type setback struct {
	pause time.Duration
	last  time.Time
}

const (
	firstSetback = 50 * time.Millisecond
	mostSetback  = 5 * time.Second
)

// rest waits, longer with each time, but not at the first failure for long.  It is
// false when ctx ended.
func (s *setback) rest(ctx context.Context) bool {
	if time.Since(s.last) > 2*mostSetback {
		s.pause = 0
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(s.pause):
	}
	s.pause, s.last = min(max(2*s.pause, firstSetback), mostSetback), time.Now()
	return true
}
