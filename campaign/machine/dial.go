package machine

import (
	"slices"
	"time"

	"dialtone/campaign"
)

// granted spends tokens: a due retry first, else the next new number, of those that the
// token's provider serves.  What can't be spent goes back at once.
func (m *Machine) granted(in Granted, now time.Time, out *Effects) {
	room := m.room(now)
	for _, t := range in.Tokens {
		next, ok := due{}, false
		if room > 0 && m.admits(m.holder(t.Provider), now, room) > 0 {
			next, ok = m.queue.take(now, t.Provider)
		}
		if !ok {
			out.Releases = append(out.Releases, Release{Token: t, Unsent: true})
			continue
		}
		room--
		m.spend(t, next, now, out)
	}
}

// room is how many calls may be dialled now, by whatever providers.
func (m *Machine) room(now time.Time) int {
	if m.c.Status != campaign.StatusInProgress || m.renewing {
		return 0
	}
	return max(0, m.admits(everyone, now, m.c.MaxConcurrentCalls-m.up()))
}

func (m *Machine) spend(t Token, d due, now time.Time, out *Effects) {
	f := &flight{
		attempt: campaign.NewAttemptID(d.call, d.claim+1),
		token:   t, stage: claiming, evidence: campaign.EvidenceGranted, since: now, zone: d.zone, class: d.class,
	}
	m.flights[f.attempt] = f
	m.claims++
	out.Claims = append(out.Claims, Claim{Attempt: f.attempt})
}

// claimed publishes the jobs of the claims that are committed.
func (m *Machine) claimed(in Claimed, now time.Time, out *Effects) {
	m.count(in.Stats)
	m.claims -= len(in.Results)
	for i := range in.Results {
		r := &in.Results[i]
		f := m.flights[r.Attempt]
		if r.Refused || f == nil {
			out.Rebuild = true
			continue
		}
		f.effort = r.Effort
		f.job = campaign.Job{
			Campaign: m.c.ID, Attempt: f.attempt, Number: r.Attempts + 1, Provider: f.token.Provider,
			To: r.To, From: m.from(r.From, r.To), Variables: r.Variables,
		}
		m.dispatch(f, now, out)
	}
}

// dispatch hands a claimed call to the callers, unless it may not be dialled any
// more by now: the claim is undone then, and costs nothing.
func (m *Machine) dispatch(f *flight, now time.Time, out *Effects) {
	undo := Record{Unplaced: true}
	switch day := m.c.Retry.MaxAttemptsPerDay; {
	case f.canceled: // as which it is undone
	case m.c.Status != campaign.StatusInProgress, m.renewing:
		undo.Reason = campaign.GivenBackStopped
	case !m.queue.lane(f.zone).open:
		undo.Reason = campaign.GivenBackExpired
	case f.effort.Attempts >= m.c.Retry.MaxAttempts:
		undo.Next, undo.Reason = campaign.CallFailed, campaign.ReasonMaxAttempts
	case day > 0 && f.effort.On(m.queue.clock(f.zone).Day(now)) >= day:
		undo.Reason, undo.NextAttemptAt = "day_cap", m.queue.clock(f.zone).NextDay(now).UTC()
	default:
		m.enter(f, claimed, now)
		m.publishPlace(f, now, out)
		return
	}
	m.giveBack(f, undo, now, out)
	if f.canceled {
		m.strikeOut(f.attempt.Call(), f.cancels, out)
		f.cancels = nil
	}
}

// withdraw undoes the claims of numbers whose hours are over: a job may carry a
// later not-after, from before the schedule was changed.
func (m *Machine) withdraw(now time.Time, out *Effects) {
	if !m.queue.turned {
		return
	}
	m.queue.turned = false
	m.recall(now, out)
}

// recall undoes the claims that are with the callers and may not be dialled any more:
// because their hours are over, or, where the machine is to be renewed, because by
// which hours they go is for the next one to say.
func (m *Machine) recall(now time.Time, out *Effects) {
	var over []*flight
	for _, f := range m.flights {
		if f.stage == claimed && (m.renewing || !m.queue.lane(f.zone).open) {
			over = append(over, f)
		}
	}
	slices.SortFunc(over, byAttempt)
	for _, f := range over {
		m.giveBack(f, Record{Unplaced: true, Reason: campaign.GivenBackExpired}, now, out)
	}
}

// load asks for more queued calls.
func (m *Machine) load(now time.Time, out *Effects) {
	if m.undoing > 0 || m.c.Status != campaign.StatusInProgress || m.expired(now) {
		return
	}
	out.Load = m.queue.load(m.cfg.PageSize)
}

func (m *Machine) paged(in Page, out *Effects) {
	// One that is being given back may be read before that is told; it has its
	// place then.
	m.queue.paged(in, func(w Waiting) bool {
		return m.flights[campaign.NewAttemptID(w.ID, w.Claim)] != nil || m.struck[w.ID] != nil
	})
	m.forgetStruck()
	if len(in.Calls) > 0 {
		m.unseen = false
	} else if m.unseen && m.queue.exhausted() {
		out.Rebuild = true
	}
}

// refresh asks from time to time for the campaign as the store has it.
func (m *Machine) refresh(now time.Time, out *Effects) {
	if !now.Before(m.nextRefresh) {
		m.nextRefresh = now.Add(m.cfg.RefreshEvery)
		out.Refresh = true
	}
}

// refreshed takes over changed settings, at once, and looks for added contacts.
func (m *Machine) refreshed(in Refreshed, now time.Time, out *Effects) {
	rerouted := m.rerouted(&in)
	m.c.Settings, m.c.UpdatedAt = in.Campaign.Settings.WithDefaults(), in.Campaign.UpdatedAt
	// What waited was let go of when the end had come; lanes of one kind hold nothing
	// for those of the other; and by what it was sorted into classes is not kept.
	if !m.queue.reckon(m.c.Settings, in.Zones) || rerouted || m.dropped && !m.c.Schedule.Ended(now) {
		m.renewing = true
		m.recall(now, out)
		return
	}
	m.refused = false
	m.queue.strike(now)
	if in.Campaign.Stats.Total != m.total {
		m.total = in.Campaign.Stats.Total
		m.queue.readOn()
	}
	if in.Campaign.Stats.Total > m.c.Stats.Total {
		m.c.Stats = in.Campaign.Stats
	}
	m.looked(in.Campaign.Stats)
}

// rerouted reports whether numbers may go by other providers from now on.
func (m *Machine) rerouted(in *Refreshed) bool {
	if in.Table != nil && !in.Table.Equal(m.cfg.Table) {
		return true
	}
	return m.cfg.Table != nil && !sameRoutes(in.Campaign.Routing, m.c.Routing)
}

// settled reports whether nothing is being written any more.
func (m *Machine) settled() bool {
	if m.changing != changeNone || m.chunkAsked || m.striking > 0 {
		return false
	}
	for _, f := range m.flights {
		if f.stage == claiming || f.writing > 0 {
			return false
		}
	}
	return true
}
