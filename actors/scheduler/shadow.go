package scheduler

import (
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// shadow plays a second strategy on the live demand, without effect, and measures
// it beside the one in force.
//
// What it plays with: a campaign has to dial what it has in reality, and besides what
// it was granted there since the shadow began and not in the shadow yet, so that one
// that the shadow serves more slowly has its numbers still, and one that it serves
// faster is done earlier.  It may dial when in reality it has something that may go:
// that some of the rest are retries for later is not seen.  Calls last as long as the
// campaign's latest real ones; channels and calls per second are those of all
// providers together.
type shadow struct {
	choice Choice
	since  time.Time
	engine *sim.Engine
	played *sim.Meter // what the shadow does
	live   *sim.Meter // what is done
	of     map[campaign.ID]*shadowed
}

// shadowed is a campaign in a shadow.
type shadowed struct {
	granted int // in reality, since the shadow began
}

// Shadow begins to play a strategy beside the one in force; nil ends it.
func (c *Core) Shadow(choice Choice, s strategy.Strategy, now time.Time) {
	c.pass(now)
	c.shadow = nil
	if s == nil {
		return
	}
	channels, rate := c.capacity()
	sh := &shadow{
		choice: choice, since: now, of: make(map[campaign.ID]*shadowed),
		played: sim.NewMeter(now), live: sim.NewMeter(now),
	}
	sh.engine = sim.New(sim.Config{Strategy: s, Channels: channels, CallsPerSecond: rate, Start: now, Observer: sh.played})
	sh.live.Capacity(channels, rate, now)
	for _, cl := range c.sorted() {
		sh.weighs(cl)
		sh.live.Wants(cl.id, cl.want, now)
		sh.demanded(cl)
	}
	for _, sl := range c.slots {
		sh.adopted(sl)
	}
	c.shadow = sh
}

// restartShadow begins the shadow anew, so that its measures are of one strategy in
// force.
func (c *Core) restartShadow(now time.Time) {
	if c.shadow == nil {
		return
	}
	if s, err := strategy.New(c.shadow.choice.Strategy, c.shadow.choice.Parameters); err == nil {
		c.Shadow(c.shadow.choice, s, now)
	}
}

// capacity is what all providers have together; 0 is no limit.
func (c *Core) capacity() (channels int, callsPerSecond float64) {
	boundless, rateless := false, false
	for _, p := range c.pools {
		if p.drained || p.removed {
			continue
		}
		channels += p.limits.Channels
		callsPerSecond += p.limits.CallsPerSecond
		boundless = boundless || p.limits.Channels == 0
		rateless = rateless || p.limits.CallsPerSecond == 0
	}
	if boundless {
		channels = 0
	}
	if rateless {
		callsPerSecond = 0
	}
	return channels, callsPerSecond
}

// campaign is what the shadow keeps of one.
func (sh *shadow) campaign(id campaign.ID) *shadowed {
	s := sh.of[id]
	if s == nil {
		s = &shadowed{}
		sh.of[id] = s
	}
	return s
}

// firstLength is what a call is taken to last until one was seen.
const firstLength = 10 * time.Second

// weighs hears of a campaign's terms.
func (sh *shadow) weighs(cl *client) {
	sh.live.Weighs(cl.id, cl.terms().Weight, sh.engine.Now())
}

// demanded hears what a campaign wants.
func (sh *shadow) demanded(cl *client) {
	t := cl.terms()
	if cl.calls.Guess = t.Length; t.Length == 0 {
		cl.calls.Guess = firstLength
	}
	sh.engine.Put(cl.id, sim.Campaign{Terms: t, Limit: cl.demand.Limit, Calls: &cl.calls})
	// Numbers that wait, and none that may go: it is paused, or out of its hours.
	sh.engine.Pause(cl.id, cl.demand.Retries+cl.demand.Fresh == 0 && t.Remaining > 0)
	sh.engine.Want(cl.id, sim.Work{Numbers: max(0, t.Remaining-cl.away+sh.behind(cl.id))})
}

// behind is how many calls a campaign was granted in reality and not here, less those
// that it was granted here and not there.
func (sh *shadow) behind(id campaign.ID) int {
	return sh.campaign(id).granted - sh.engine.Count(id).Placed
}

// adopted hears of a call that was up already: it is up in the shadow as well.
func (sh *shadow) adopted(s *slot) {
	id := s.client.id
	if sh.of[id] == nil {
		sh.demanded(s.client)
	}
	sh.live.Adopted(id, sh.engine.Now())
	sh.engine.Begun(id, s.since, 1)
}

// granted hears of a token in reality.  The campaign wants one less, and has one more
// that the shadow has still to place: for the shadow nothing changes.
func (sh *shadow) granted(cl *client) {
	sh.campaign(cl.id).granted++
	sh.live.Granted(cl.id, sh.engine.Now())
}

// released hears of a slot that is free in reality.
func (sh *shadow) released(s *slot, held time.Duration) {
	of := sh.campaign(s.client.id)
	if held == 0 {
		of.granted-- // its number waits again
	}
	since := s.since
	if since.Before(sh.since) {
		since = sh.since
	}
	sh.live.Released(s.client.id, since, sh.engine.Now(), held)
}

// forgotten hears that a campaign has gone in reality.  Here it has still what it is
// behind; and it is kept, and measured, for as long as the shadow plays: it may come
// back.
func (sh *shadow) forgotten(cl *client) {
	sh.live.Wants(cl.id, sim.Idle, sh.engine.Now())
	sh.engine.Want(cl.id, sim.Work{Numbers: max(0, sh.behind(cl.id))})
	sh.engine.Pause(cl.id, false)
}

// ShadowReport compares the shadow with reality; ok is false where none plays.
func (c *Core) ShadowReport(now time.Time) (r ShadowReport, ok bool) {
	report, ok := c.measureShadow(now)
	if !ok {
		return r, false
	}
	return report(), true
}

// measureShadow takes the measures of both sides.
func (c *Core) measureShadow(now time.Time) (report func() ShadowReport, ok bool) {
	if c.shadow == nil {
		return nil, false
	}
	c.pass(now)
	sh, inForce := c.shadow, c.choice.Strategy
	live, played := sh.live.Read(now), sh.played.Read(now)
	choice, since := sh.choice, sh.since
	return func() ShadowReport { return compare(choice, since, inForce, live, played) }, true
}

// compare sets what the shadow did beside what was done.
func compare(choice Choice, since time.Time, inForce string, live, played sim.Reading) ShadowReport {
	r := ShadowReport{
		Choice: choice, Since: since,
		Live: sideOf(inForce, live), Shadow: sideOf(choice.Strategy, played),
		Campaigns: []ShadowCampaign{},
	}
	at := make(map[campaign.ID]int)
	for i := range live.Campaigns {
		at[live.Campaigns[i].Campaign] = len(r.Campaigns)
		r.Campaigns = append(r.Campaigns, ShadowCampaign{Campaign: live.Campaigns[i].Campaign, Live: portionOf(live, i)})
	}
	for i := range played.Campaigns {
		if n, ok := at[played.Campaigns[i].Campaign]; ok {
			r.Campaigns[n].Shadow = portionOf(played, i)
		}
	}
	return r
}

func sideOf(strategy string, r sim.Reading) ShadowSide {
	s := ShadowSide{Strategy: strategy, Jain: r.Jain()}
	if used, ok := r.ChannelsUsed(); ok {
		s.Utilisation = &used
	}
	calls, waited := 0, time.Duration(0)
	for i := range r.Campaigns {
		u := &r.Campaigns[i]
		calls, waited = calls+u.Calls, waited+u.Waited
		s.MaxWait = max(s.MaxWait, u.Longest.Seconds())
	}
	s.MeanWait = (waited / time.Duration(max(calls, 1))).Seconds()
	return s
}

func portionOf(r sim.Reading, i int) ShadowPortion {
	u := &r.Campaigns[i]
	p := ShadowPortion{Calls: u.Calls, SlotSeconds: u.Slots, MeanWait: u.Wait().Seconds(), MaxWait: u.Longest.Seconds()}
	if all := r.Cost(); all > 0 {
		p.Share = u.Cost / all
	}
	return p
}

// The report of a shadow, for people.
type (
	// ShadowReport compares a shadow with reality.
	ShadowReport struct {
		Choice
		Since     time.Time        `json:"since"`
		Live      ShadowSide       `json:"live"`
		Shadow    ShadowSide       `json:"shadow"`
		Campaigns []ShadowCampaign `json:"campaigns"` // by id
	}
	// ShadowSide is one of the two; for its terms see sim.Reading.
	ShadowSide struct {
		Strategy string  `json:"strategy"`
		Jain     float64 `json:"jain"`
		// Utilisation is absent where channels are not limited, or nobody had to wait.
		Utilisation *float64 `json:"utilisation,omitempty"`
		MeanWait    float64  `json:"mean_wait_seconds"`
		MaxWait     float64  `json:"max_wait_seconds"`
	}
	// ShadowCampaign is what a campaign had in reality and in the shadow.
	ShadowCampaign struct {
		Campaign campaign.ID   `json:"campaign"`
		Live     ShadowPortion `json:"live"`
		Shadow   ShadowPortion `json:"shadow"`
	}
	// ShadowPortion is a campaign's part of the capacity.
	ShadowPortion struct {
		Share       float64 `json:"share"`
		Calls       int     `json:"calls"`
		SlotSeconds float64 `json:"slot_seconds"`
		MeanWait    float64 `json:"mean_wait_seconds"`
		MaxWait     float64 `json:"max_wait_seconds"`
	}
)
