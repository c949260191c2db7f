package scheduler

import (
	"context"
	"time"

	"dialtone/campaign"
)

// Gauges are what metrics tell of a leader.
type Gauges struct {
	// Granting: it knows of every partition and of what is drained, and so grants.
	Granting bool
	// Slots counts the tokens in use by what is known of their calls.
	Slots map[campaign.Evidence]int
	// OldestAmbiguous is the age of the longest open question.
	OldestAmbiguous time.Duration
}

// Gauges asks the leading loop, if this candidate leads.
func (c *Candidate) Gauges(ctx context.Context) (g Gauges, leads bool) {
	if c.health.Load() == nil {
		return g, false
	}
	v, err := c.ask(ctx, "gauges", nil)
	if err != nil {
		return g, false
	}
	return v.(Gauges), true
}

func (c *Core) gauges(now time.Time) Gauges {
	g := Gauges{Granting: c.Ready() && !c.blind, Slots: map[campaign.Evidence]int{
		campaign.EvidenceGranted: 0, campaign.EvidencePlacing: 0, campaign.EvidenceAmbiguous: 0, campaign.EvidencePlaced: 0,
	}}
	for _, s := range c.slots {
		g.Slots[s.evidence]++
		if s.evidence == campaign.EvidenceAmbiguous {
			g.OldestAmbiguous = max(g.OldestAmbiguous, now.Sub(s.since))
		}
	}
	return g
}
