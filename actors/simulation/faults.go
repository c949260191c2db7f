package simulation

import (
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign/machine"
	"dialtone/provider"
)

// faults are chances in a hundred thousand, at every occasion, and mean times between.
type faults struct {
	crash, crashMidTurn                    int // of a process, at each thing it does
	slow, coreLost, requestLost, ackLost   int // of messages
	published, delayed, doubled            int // of JetStream: not heard to be stored; delivered late; published twice
	leaseLost                              int // of what is asked of the bucket, or its answer
	commitLost, storeSlow                  int
	callerStalls, stallsGranting           int
	refused, throttled, full, unreachable  int // of requests to providers
	barred, misconfigured, broken          int
	timesOut, timesOutDialled, dialsLate   int
	settleFails                            int
	callbackLost, callbackTwice            int
	publishFails                           int
	kills, freezes, leaves                 time.Duration // of nodes
	storeAway, wipes, unheard, userActions time.Duration
}

// usual is what befalls a run in which everything does.
var usual = faults{
	crash: 20, crashMidTurn: 300,
	slow: 1500, coreLost: 4000, requestLost: 3000, ackLost: 3000,
	published: 2000, delayed: 3000, doubled: 2000,
	leaseLost:  3000,
	commitLost: 3000, storeSlow: 3000,
	callerStalls: 3000, stallsGranting: 1000,
	refused: 2000, throttled: 3000, full: 2000, unreachable: 3000,
	barred: 1000, misconfigured: 1000, broken: 2000,
	timesOut: 3000, timesOutDialled: 4000, dialsLate: 3000,
	settleFails:  10_000,
	callbackLost: 12_000, callbackTwice: 10_000,
	publishFails: 3000,
	kills:        15 * time.Second, freezes: 8 * time.Second, leaves: 20 * time.Second,
	storeAway: 15 * time.Second, wipes: 15 * time.Second, unheard: 12 * time.Second, userActions: 3 * time.Second,
}

// drawFaults leaves each kind out of some runs, and doubles it in others: what goes wrong
// where much goes wrong may not where one thing does.
func (w *world) drawFaults() faults {
	f := usual
	some := w.below(8) // the more, the fewer kinds
	for _, group := range [][]*int{
		{&f.crash, &f.crashMidTurn}, {&f.slow, &f.delayed}, {&f.coreLost}, {&f.requestLost, &f.ackLost}, {&f.published, &f.doubled},
		{&f.leaseLost}, {&f.commitLost, &f.storeSlow}, {&f.callerStalls, &f.stallsGranting}, {&f.refused, &f.unreachable}, {&f.throttled, &f.full},
		{&f.barred, &f.misconfigured}, {&f.broken, &f.settleFails}, {&f.timesOut, &f.timesOutDialled, &f.dialsLate},
		{&f.callbackLost, &f.callbackTwice}, {&f.publishFails},
	} {
		times := w.times(some)
		for _, rate := range group {
			*rate *= times
		}
	}
	for _, mean := range []*time.Duration{&f.kills, &f.freezes, &f.leaves, &f.storeAway, &f.wipes, &f.unheard, &f.userActions} {
		if times := w.times(some); times > 0 {
			*mean /= time.Duration(times)
		} else {
			*mean = 0
		}
	}
	if w.plant == PlantLateCaller { // few runs have a caller that stalls just when a user stops
		f.callerStalls = 20_000
	}
	return f
}

// times is how often a kind of fault happens, in terms of the usual.
func (w *world) times(some int) int {
	switch n := w.below(10); {
	case n < some:
		return 0
	case n == 9:
		return 3
	}
	return 1
}

// misfortunes are what befalls nodes, store and streams from time to time.
func (w *world) misfortunes() {
	w.every(w.faults.kills, func() { w.someNode().kill("killed") })
	w.every(w.faults.freezes, func() { w.someNode().freeze() })
	w.every(w.faults.leaves, func() { w.someNode().leave() })
	w.every(w.faults.storeAway, func() {
		w.saw("store away")
		w.store.back = w.now.Add(w.span(200*time.Millisecond, 4*time.Second))
	})
	w.every(w.faults.wipes, func() {
		w.saw("JetStream wiped")
		w.jobs.wipe()
		w.reports.wipe()
		w.bucket.wipe()
	})
	w.every(w.faults.unheard, func() { w.someNode().cutOff() })
}

// every does f at random times, mean apart, while there are faults.
func (w *world) every(mean time.Duration, f func()) {
	if mean == 0 {
		return
	}
	w.after(w.span(0, 2*mean), func() {
		if !w.calm {
			f()
			w.every(mean, f)
		}
	})
}

// someNode is any, and every other time the one whose scheduler leads.
func (w *world) someNode() *node {
	if w.below(2) == 0 {
		for _, n := range w.nodes {
			if n.p != nil && n.p.lead.core != nil {
				return n
			}
		}
	}
	return w.nodes[w.below(len(w.nodes))]
}

// settleDown ends the faults: what is away comes back.
func (w *world) settleDown() {
	w.calm = true
	w.tell("the faults are over")
	w.store.back = w.now
	for _, n := range w.nodes {
		n.recover()
	}
	for _, u := range w.users {
		u.care()
	}
}

// sizes are those of a run.
type sizes struct {
	nodes, campaigns, contacts, pageSize int
	chaos                                time.Duration // how long the faults go on
	limits                               map[string]provider.Limits
	strategy                             string
	table, hours                         bool
}

func (w *world) drawSizes() sizes {
	names := strategy.Names()
	s := sizes{
		nodes: []int{2, 2, 2, 3, 3, 4}[w.below(6)], campaigns: []int{2, 2, 3}[w.below(3)], contacts: 5 + min(w.below(8), w.below(8), w.below(8)), pageSize: 1 + w.below(6),
		chaos: w.span(8*time.Second, 18*time.Second), strategy: names[w.below(len(names))],
		table: w.below(3) > 0, hours: w.below(6) == 0,
		limits: make(map[string]provider.Limits),
	}
	for _, name := range providerNames {
		s.limits[name] = provider.Limits{Channels: 1 + w.below(5), CallsPerSecond: []float64{0, 0, 0, 2, 5, 5}[w.below(6)]}
	}
	return s
}

// The times of the parts, a third or less of those with which they ship, in the same
// order of size: what must exceed what stands in machine.Config and caller.Config.
const (
	leaseTTL       = 3 * time.Second
	ackWait        = 6 * time.Second
	sendWithin     = time.Second
	requestTimeout = 2500 * time.Millisecond
	publishWithin  = time.Second
	placingWithin  = 4 * time.Second
	confirmAfter   = 6 * time.Second
	closeEarly     = time.Second
	commandTry     = time.Second
	// dialsLateBy is how long after a request a provider may dial that has not answered it:
	// it is asked placingWithin after placing at the earliest, and once more.
	dialsLateBy = placingWithin - sendWithin + confirmAfter - 500*time.Millisecond
)

func (w *world) machineConfig() machine.Config {
	return machine.Config{
		PageSize: w.sizes.pageSize, JobPatience: 4 * time.Second, JobTTL: 12 * time.Second, PlacingPatience: placingWithin,
		CallPatience: 10 * time.Second, TakeoverPatience: 1500 * time.Millisecond, SettlePatience: 3 * time.Second,
		ConfirmAfter: confirmAfter, StopPatience: 2 * time.Second, CloseEarly: closeEarly, RefreshEvery: 5 * time.Second, RampUp: 500 * time.Millisecond,
		Table: w.table(),
	}
}
