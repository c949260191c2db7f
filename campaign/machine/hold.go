package machine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// hold is how a campaign spares a provider that refuses what it asks for, its caller id
// or its script: the provider gets nothing until a time, then one call at a time until
// one gets through.  Meanwhile the campaign goes on over its other providers.  One that
// is not well, or that has enough, is no reason: the scheduler, who is told
// (Release.Outcome), spares it for all campaigns.
type hold struct {
	until  time.Time
	streak int // times that it was extended since one was placed
	// provider is who refused last, and detail its word on that.
	provider, detail string
}

const (
	holdFirst = 500 * time.Millisecond
	holdMost  = 30 * time.Second
)

// everyone stands for all providers where there is no table of them: nobody could say
// by which of them a call is to go instead, so they are held together.
const everyone = ""

// room bounds what may be dialled at a moment, by how many calls are on their
// way to the provider already.
func (h *hold) room(now time.Time, room, underway int) int {
	switch {
	case now.Before(h.until):
		return 0
	case h.streak > 0:
		return min(room, 1-underway)
	}
	return room
}

// extend notes a call given back and returns when dialling may go on.  Calls
// that come back during a hold belong to the same trouble and don't prolong it.
func (h *hold) extend(now time.Time) time.Time {
	if !now.Before(h.until) {
		wait := min(holdFirst<<min(h.streak, 10), holdMost)
		h.streak++
		h.until = now.Add(wait)
	}
	return h.until
}

// holder is by what name a provider is held.
func (m *Machine) holder(provider string) string {
	if m.queue.router.plan == nil {
		return everyone
	}
	return provider
}

// holdOff notes that a provider refused what was asked for, and returns when the call
// may be dialled again: at once, where another provider may take it.
func (m *Machine) holdOff(f *flight, r *campaign.Report, now time.Time) time.Time {
	name := m.holder(f.token.Provider)
	h := m.holds[name]
	if h == nil {
		h = &hold{}
		m.holds[name] = h
	}
	h.provider, h.detail = f.token.Provider, r.Detail
	if r.Reason == campaign.GivenBackUnknown {
		h.detail = "no provider of this name is configured"
	}
	until := h.extend(now)
	if name != everyone {
		return now
	}
	return until
}

// gotThrough notes that a provider took a call.
func (m *Machine) gotThrough(f *flight) { delete(m.holds, m.holder(f.token.Provider)) }

// admits is how many calls, of so many, may be dialled now by a provider, or by everyone.
func (m *Machine) admits(name string, now time.Time, room int) int {
	h := m.holds[name]
	if h == nil {
		return room
	}
	underway := 0
	if !now.Before(h.until) {
		underway = m.underway(name)
	}
	return max(0, h.room(now, room, underway))
}

// underway counts the calls by a provider of which nobody has said yet whether it took
// them.
func (m *Machine) underway(name string) (n int) {
	for _, f := range m.flights {
		if f.stage <= placing && m.holder(f.token.Provider) == name {
			n++
		}
	}
	return n
}

// releases is the first time at which a hold ends; zero for none.
func (m *Machine) releases(after time.Time) (first time.Time) {
	for _, h := range m.holds {
		first = soonest(after, first, h.until)
	}
	return first
}

// spare takes the providers that are held out of what could go by routes, but for one
// call that probes each of them that may be tried again.  What could go by no other is
// left out.
func (m *Machine) spare(all []RouteDemand, room int, now time.Time) []RouteDemand {
	if len(m.holds) == 0 || m.queue.router.plan == nil {
		return all
	}
	held := slices.Sorted(maps.Keys(m.holds))
	var out []RouteDemand
	for _, name := range held {
		if at := probeBy(all, name, held); at >= 0 && m.admits(name, now, 1) > 0 {
			all[at].Ready--
			out = append(out, RouteDemand{Route: without(all[at].Route, held, name), Ready: 1})
		}
	}
	for _, d := range all {
		if r := without(d.Route, held, ""); r != "" && d.Ready > 0 {
			out = append(out, RouteDemand{Route: r, Ready: d.Ready})
		}
	}
	return merge(out, room)
}

// probeBy finds the route by which a provider that is held is probed: one that leads to
// nobody else, or else where it is preferred most, since others would take the call
// before it.  It is -1 where no call leads to it.
func probeBy(all []RouteDemand, name string, held []string) int {
	best, least := -1, 0
	for i, d := range all {
		if d.Ready == 0 || !d.Route.Leads(name) {
			continue
		}
		rank := 0
		if without(d.Route, held, "") != "" {
			rank = 1 + without(d.Route, held, name).Rank(name)
		}
		if best < 0 || rank < least {
			best, least = i, rank
		}
	}
	return best
}

// without is a route without the providers that are held, but for one.
func without(r route.Route, held []string, but string) route.Route {
	for _, name := range held {
		if name != but {
			r = r.Without(name)
		}
	}
	return r
}

// merge adds up what can go by the same route, up to what may be dialled at all, in a
// stable order.
func merge(all []RouteDemand, room int) []RouteDemand {
	slices.SortFunc(all, func(a, b RouteDemand) int { return cmp.Compare(a.Route, b.Route) })
	out := all[:0]
	for _, d := range all {
		if last := len(out) - 1; last >= 0 && out[last].Route == d.Route {
			out[last].Ready = min(room, out[last].Ready+d.Ready)
			continue
		}
		out = append(out, d)
	}
	return out
}

// trouble are the holds that keep all of some calls, by class, from being dialled, in
// the order of the providers' names; none if one could go.
func (m *Machine) trouble(byClass []int, now time.Time) (found []*hold) {
	for c, n := range byClass {
		if n == 0 || class(c) == stranded {
			continue
		}
		for _, name := range m.queue.router.providers(class(c)) {
			h := m.holds[name]
			if h == nil || m.admits(name, now, 1) > 0 {
				return nil
			}
			if !slices.Contains(found, h) {
				found = append(found, h)
			}
		}
	}
	slices.SortFunc(found, func(a, b *hold) int { return cmp.Compare(a.provider, b.provider) })
	return found
}
