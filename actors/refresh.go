package actors

import (
	"context"

	"dialtone/campaign/machine"
)

// refresh reads the campaign again.  One read is under way at a time, and another
// follows if that was asked for meanwhile: so no older answer comes after a newer
// one.
func (a *actor) refresh(ctx context.Context) {
	if a.reading {
		a.readAgain = true
		return
	}
	a.reading = true
	life := a.life
	a.read(ctx, func() {
		in, err := a.reread(ctx)
		if err != nil {
			a.log.Debug("could not read the campaign again", "error", err)
			a.box.post(reread{life, nil}) // it is read again soon
			return
		}
		a.box.post(reread{life, in})
	})
}

// reread reads the campaign, and then its zones: in this order no zone of a contact
// that the campaign counts is missing.  The table is read here as well, after whatever
// has asked for it.
func (a *actor) reread(ctx context.Context) (*machine.Refreshed, error) {
	c, err := a.store.Campaign(ctx, a.id)
	if err != nil {
		return nil, err
	}
	zones, err := a.zones(ctx)
	return &machine.Refreshed{Campaign: c, Zones: zones, Table: a.routes()}, err
}

func (a *actor) refreshed(ctx context.Context, r reread) {
	a.reading = false
	if r.input != nil && r.life == a.life {
		if r.input.Table == a.routed {
			r.input.Table = nil // it is as it was
		} else {
			a.routed = r.input.Table
		}
		a.input(*r.input)
	}
	if a.readAgain {
		a.readAgain = false
		a.refresh(ctx)
	}
}
