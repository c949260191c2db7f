// Package sim plays a pool of channels and calls per second under a strategy, on a
// virtual clock.  It is pure: no real clock, no goroutine, no I/O; the same inputs
// and seed give the same run.  The strategies are those of the live scheduler, and
// so is the pace at which calls go out.
//
// An Engine has campaigns with numbers, retries, hours and a source of call lengths.
// Advance plays on to a time: calls end, retries fall due, hours open and close, and
// tokens are granted in between.  A Meter listens, and says who had what.
//
// # Three uses
//
// A scenario: Put every campaign, Advance to the end, read the Meter and the Counts.
// Package sim/scenario does that for files.
//
// A shadow, which shows what another strategy would do with the live demand.  At
// each report from a node, the leader tells what the campaigns want, in real time:
//
//	shadow.Advance(now)
//	shadow.Put(id, Campaign{Terms: terms, Limit: demand.Limit, Calls: observed})
//	shadow.Want(id, Work{Numbers: demand.Fresh, Retries: demand.Retries})
//
// Calls of the shadow last as long as the campaign's latest real ones, by an
// Observed that the leader feeds.  It keeps a second Meter, fed with its own grants
// and releases, beside that of the shadow.  What a shadow can't show is who would be
// done sooner: numbers that were dialled in reality are gone for it too.
//
// A forecast: from a snapshot, many runs that differ in their seed.
//
//	e := New(Config{Strategy: s, Seed: run, Start: now, …})
//	e.Put(id, …); e.Add(id, numbers); e.Begun(id, since, attempts); e.Retry(id, due, attempts)
//	e.Advance(now.Add(horizon))
//	e.Count(id).Done // zero: not within the horizon
//
// # Chance
//
// Each campaign draws from a source of its own, made of the seed and its id, so that
// its n-th call is the same under every strategy.
package sim
