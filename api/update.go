package api

import (
	"context"
	"time"

	"dialtone/campaign"
)

type updateCampaignInput struct {
	IDPath
	JSONBody
}

func (a *API) updateCampaign(ctx context.Context, in *updateCampaignInput) (*campaignOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	was, err := a.store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	p := &patch{region: a.cfg.DefaultRegion, providers: a.providerNames(), body: in.RawBody, was: was, now: a.now()}
	if err := a.allow(ctx, p); err != nil {
		return nil, err
	}
	c, err := a.store.UpdateSettings(ctx, id, p.apply)
	if err != nil {
		return nil, err
	}
	a.bus.Poke(id, actionRefresh)
	out := &campaignOutput{}
	out.Body, err = a.showWithWarnings(ctx, c)
	return out, err
}

// allow asks the store, before the campaign's row is locked, whether there are
// numbers that the changed settings would leave without a clock.
func (a *API) allow(ctx context.Context, p *patch) error {
	s := p.was.Settings
	if err := p.change(&s); err != nil {
		return err
	}
	if !clockless(s) || clockless(p.was.Settings) {
		return nil
	}
	zoneless, err := a.zoneless(ctx, p.was.ID)
	if zoneless {
		return campaign.Conflict("The schedule goes by each number's own time zone, and %v has numbers of which none is known; set default_time_zone, which counts for those.", p.was.ID)
	}
	p.asked = true
	return err
}

// zoneless reports whether a campaign has still to call a number of which no time
// zone is known.
func (a *API) zoneless(ctx context.Context, id campaign.ID) (bool, error) {
	zones, err := a.store.Zones(ctx, id)
	if err != nil {
		return false, err
	}
	for _, z := range zones {
		if z.ID == 0 { // a call that is up may have to be dialled again
			return a.store.Unfinished(ctx, id, z.ID, true)
		}
	}
	return false, nil
}

// clockless reports whether numbers without a known time zone can't be called.
func clockless(s campaign.Settings) bool { return s.Schedule.PerContact() && s.DefaultTimeZone == "" }

// patch is a change of a campaign's settings.
type patch struct {
	region    string // the service's own
	providers []string
	body      []byte
	was       campaign.Campaign
	now       time.Time
	asked     bool // whether numbers without a zone were looked for
}

// apply may run more than once, if the store has to try again.
func (p *patch) apply(s *campaign.Settings) error {
	before := *s
	if err := p.change(s); err != nil {
		return err
	}
	if clockless(*s) && !clockless(before) && !p.asked {
		return campaign.Conflict("Somebody else changed %v at this moment; look at it and try again.", p.was.ID)
	}
	return nil
}

func (p *patch) change(s *campaign.Settings) error {
	o, err := newObject(p.body)
	if err != nil {
		return err
	}
	region := s.DefaultRegion
	o.settings(s, p.region, p.providers, p.now)
	if err := o.done(); err != nil {
		return err
	}
	single := p.was.ID == campaign.Single
	switch _, scheduled := o.fields["schedule"]; {
	case single && !s.Deadline.IsZero():
		return campaign.Conflict("%v holds the single calls, which are placed at once and never done; give the deadline to a campaign of your own.", p.was.ID)
	case single && scheduled && !alwaysOpen(s.Schedule):
		return campaign.Conflict("%v holds the single calls, which are placed at once; give the schedule to a campaign of your own.", p.was.ID)
	case s.DefaultRegion != region && p.was.Status != campaign.StatusPending:
		return campaign.Conflict("The default region can be changed until the campaign is started; it is %s.", p.was.Status)
	}
	return nil
}
