package machine

import (
	"cmp"
	"slices"
	"time"

	"dialtone/campaign"
)

// granted spends tokens: a due retry first, else the next new number.  What
// can't be spent goes back at once.
func (m *Machine) granted(in Granted, now time.Time, out *Effects) {
	room := m.room(now)
	for _, t := range in.Tokens {
		next, ok := Waiting{}, false
		if room > 0 {
			next, ok = m.next(now)
		}
		if !ok {
			out.Releases = append(out.Releases, Release{Token: t})
			continue
		}
		room--
		m.spend(t, next, now, out)
	}
}

// room is how many calls may be dialled now.
func (m *Machine) room(now time.Time) int {
	if m.c.Status != campaign.StatusInProgress {
		return 0
	}
	underway := 0
	if m.hold.streak > 0 {
		underway = m.underway()
	}
	return max(0, m.hold.room(now, m.c.MaxConcurrentCalls-len(m.flights), underway))
}

// underway counts the calls of which nobody has said yet whether the provider
// took them.
func (m *Machine) underway() (n int) {
	for _, f := range m.flights {
		if f.stage <= placing {
			n++
		}
	}
	return n
}

// next takes the call that is to be dialled next.
func (m *Machine) next(now time.Time) (Waiting, bool) {
	for _, h := range []*dues{&m.waiting, &m.returned} {
		if d, ok := h.take(now.UnixNano()); ok {
			return Waiting{ID: d.call, Claim: d.claim}, true
		}
	}
	if len(m.page) == 0 {
		return Waiting{}, false
	}
	w := m.page[0]
	m.page = m.page[1:]
	return w, true
}

func (m *Machine) spend(t Token, w Waiting, now time.Time, out *Effects) {
	f := &flight{
		attempt: campaign.NewAttemptID(w.ID, w.Claim+1),
		token:   t, stage: claiming, since: now,
	}
	m.flights[f.attempt] = f
	out.Claims = append(out.Claims, Claim{Attempt: f.attempt})
}

// claimed publishes the jobs of the claims that are committed.
func (m *Machine) claimed(in Claimed, now time.Time, out *Effects) {
	m.count(in.Stats)
	for i := range in.Results {
		r := &in.Results[i]
		f := m.flights[r.Attempt]
		if r.Refused || f == nil {
			out.Rebuild = true
			continue
		}
		f.attempts = r.Attempts
		f.job = campaign.Job{
			Campaign: m.c.ID, Attempt: f.attempt, Number: r.Attempts + 1, Provider: f.token.Provider,
			To: r.To, From: m.from(r.From), Variables: r.Variables,
		}
		if m.c.Status != campaign.StatusInProgress {
			m.giveBack(f, Record{Unplaced: true, Reason: campaign.GivenBackStopped}, now, out)
			continue
		}
		m.enter(f, claimed, now)
		m.publishPlace(f, now, out)
	}
}

// load asks for more queued calls when half of the page is used up.
func (m *Machine) load(out *Effects) {
	if m.loading || m.exhausted || m.undoing > 0 || m.c.Status != campaign.StatusInProgress || len(m.page) > m.cfg.PageSize/2 {
		return
	}
	m.loading = true
	out.Load = &Load{After: m.cursor, Limit: m.cfg.PageSize}
}

func (m *Machine) paged(in Page, out *Effects) {
	m.loading, m.exhausted, m.reload = false, in.Last && !m.reload, false
	if n := len(in.Calls); n > 0 {
		m.cursor = in.Calls[n-1].ID
	} else if m.unseen {
		out.Rebuild = true
	}
	m.unseen = false
	for _, w := range in.Calls {
		// One that is being given back may be read before that is told; it has its
		// place then.
		if m.flights[campaign.NewAttemptID(w.ID, w.Claim)] == nil {
			m.page = append(m.page, w)
		}
	}
	m.moor(in.Calls)
}

// refresh asks from time to time for the campaign as the store has it.
func (m *Machine) refresh(now time.Time, out *Effects) {
	if !now.Before(m.nextRefresh) {
		m.nextRefresh = now.Add(m.cfg.RefreshEvery)
		out.Refresh = true
	}
}

// refreshed takes over changed settings and looks for added contacts.
func (m *Machine) refreshed(in Refreshed) {
	m.c.Settings, m.c.UpdatedAt = in.Campaign.Settings.WithDefaults(), in.Campaign.UpdatedAt
	m.readOn()
	if in.Campaign.Stats.Total > m.c.Stats.Total {
		m.c.Stats = in.Campaign.Stats
	}
}

// readOn lets the store's queue be read again although it had come to its end.
// A page that is on its way may have been read before there was more.
func (m *Machine) readOn() {
	m.exhausted, m.reload = false, m.loading
}

// moor sorts in the calls that were given back while a page was on its way: the
// cursor may have passed them by.
func (m *Machine) moor(page []Waiting) {
	for _, d := range m.adrift {
		_, found := slices.BinarySearchFunc(page, d.call, func(w Waiting, id campaign.CallID) int {
			return cmp.Compare(w.ID, id)
		})
		if !found && d.call <= m.cursor {
			m.returned.add(d)
		}
	}
	m.adrift = m.adrift[:0]
}
