package actors

import (
	"context"

	"dialtone/actors/clerk"
	"dialtone/campaign/machine"
)

// Reread reads the campaign again beside the actor.
func (a *actor) Reread(life int) {
	ctx := a.ctx
	a.read(ctx, func() {
		in, err := a.reread(ctx)
		if err != nil {
			a.log.Debug("could not read the campaign again", "error", err)
			a.box.post(clerk.Reread{Life: life}) // it is read again soon
			return
		}
		a.box.post(clerk.Reread{Life: life, Input: in})
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
