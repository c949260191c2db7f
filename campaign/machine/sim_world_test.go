package machine_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"

	"pgregory.net/rapid"
)

// The simulation plays one campaign through with everything around the machine
// modelled: store, queues, callers, provider, scheduler, users.  Time is virtual
// and every choice comes from one chooser, so that a run can be repeated.
//
// The provider's ledger and the store are the judges, at every step.

// chooser makes every choice of a run.
type chooser interface{ below(n int) int }

type dice struct{ *rand.Rand }

func (d dice) below(n int) int { return d.IntN(n) }

// drawn lets rapid choose, and so shrink what fails.
type drawn struct{ *rapid.T }

func (d drawn) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "choice") }

// faults are chances in a thousand, at every occasion, and mean times between.
type faults struct {
	callerCrash, callerStall                          int
	refused, throttled, unreachable, misconfigured    int
	full, barred                                      int
	timeoutBefore, timeoutAfter, settleFails          int
	timeoutLate, broken                               int
	callbackLost, callbackTwice, duplicated, delayed  int
	commitTwice, commitSlow, publishFails, ownerCrash int
	letGo                                             int
	ownerKilled, ownerDeposed, wiped, users           time.Duration
	cancels, hours, routes                            bool
	// settleWithin is the policy's, where it is to be felt.
	settleWithin time.Duration
}

// calm is a world in which everything works, in its own time.
var calm = faults{}

// rough is a world in which everything fails now and then.
var rough = faults{
	callerCrash: 20, callerStall: 15,
	refused: 20, throttled: 30, full: 30, unreachable: 30, barred: 10, misconfigured: 15,
	timeoutBefore: 50, timeoutAfter: 60, settleFails: 150, timeoutLate: 40, broken: 30,
	callbackLost: 200, callbackTwice: 150, duplicated: 60, delayed: 60,
	commitTwice: 60, commitSlow: 60, publishFails: 40, ownerCrash: 2,
	ownerKilled: 4 * time.Minute, ownerDeposed: 5 * time.Minute, wiped: 6 * time.Minute,
	letGo: 300,
	users: 40 * time.Second, cancels: true, hours: true, routes: true,
}

// scale is the size of a run.
type scale struct {
	contacts, limit, pageSize int
	chaos                     time.Duration // how long the faults go on
}

// world is one run.
type world struct {
	pick   chooser
	faults faults
	scale  scale
	now    time.Time
	began  time.Time
	agenda agenda
	seq    int

	store    *memory
	journal  journal
	provider *ledger
	dial     *queue
	reports  *queue
	owner    *owner
	desk     desk
	user     user
	versions []version
	table    *route.Table // of the providers that there are, or nil

	// lasting: nothing befalls the owner, so that its view must stay true.
	lasting  bool
	loses    bool // attempts may be given up as lost while their calls are up
	unjudged bool // only what happens is judged, not the state after every step
	happened map[string]int
	verbose  bool
	story    []string
}

// verdict is what a run fails with.
type verdict string

func newWorld(pick chooser, f faults, s scale) *world {
	w := &world{pick: pick, faults: f, scale: s, happened: map[string]int{}}
	w.lasting = f.ownerCrash+f.letGo == 0 && f.ownerKilled+f.ownerDeposed == 0
	w.loses = f.settleWithin > 0
	w.began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	w.now = w.began
	if f.routes && pick.below(2) == 0 {
		w.table = simTables[pick.below(len(simTables))]
	}
	w.provider = &ledger{
		w: w, byNumber: map[string][]*ringing{}, dialled: map[campaign.AttemptID]bool{}, fates: map[campaign.AttemptID]fate{},
		silent: map[campaign.AttemptID]bool{}, late: map[campaign.AttemptID]bool{},
	}
	w.store = newMemory(w, campaign.Settings{
		Name: "simulated", From: "+4930123456", MaxConcurrentCalls: s.limit, DefaultTimeZone: simDefaultZone,
		Retry: w.policy(),
	}.WithDefaults())
	w.keep(campaign.Schedule{})
	if f.hours {
		w.keep(w.schedule())
		w.versions = w.versions[1:]
	}
	w.store.addContacts(s.contacts)
	w.journal.w = w
	w.dial = &queue{w: w, name: "dial", sink: w.job}
	w.reports = &queue{w: w, name: "reports", sink: w.report}
	w.desk.w = w
	w.user = user{w: w, wished: map[campaign.CallID]bool{}, caught: map[campaign.CallID]bool{}, lastClaim: map[campaign.CallID]int{}}
	return w
}

// policy is one for retries, of which some mind how calls ended, and the day.
func (w *world) policy() campaign.RetryPolicy {
	p := campaign.RetryPolicy{
		MaxAttempts: 1 + w.pick.below(4), Delay: campaign.Duration(time.Duration(1+w.pick.below(60)) * time.Second),
		Jitter: float64(w.pick.below(2)) / 2, SettleWithin: campaign.Duration(w.faults.settleWithin),
	}
	if w.faults.hours && w.pick.below(4) == 0 {
		p.ByDisposition = map[campaign.Disposition]campaign.RetryRule{
			campaign.DispositionBusy:     {MaxAttempts: 1 + w.pick.below(3), Delay: campaign.Duration(time.Second)},
			campaign.DispositionNoAnswer: {Backoff: campaign.BackoffExponential},
		}
	}
	if w.faults.hours && w.pick.below(6) == 0 {
		p.MaxAttemptsPerDay = 1 + w.pick.below(2)
	}
	return p
}

// run plays until the campaign has ended and everything is quiet.
func (w *world) run() (err error) {
	defer func() {
		if v, ok := recover().(verdict); ok {
			err = fmt.Errorf("after %v: %s", w.now.Sub(w.began), string(v))
		} else if v != "" {
			panic(v)
		}
	}()
	w.wake()
	w.desk.open()
	w.user.arrive()
	w.misfortunes()
	w.after(w.scale.chaos, w.settleDown)
	w.play(w.scale.chaos+120*time.Hour, func() bool { return w.store.c.Status.Ended() && w.store.c.Stats.Open() == 0 })
	w.happyf(w.store.c.Status.Ended() && w.store.c.Stats.Open() == 0, "NothingLost: the campaign and all its calls end, not so: %+v", w.owner.mind.Explain(w.now, nil))
	w.settleDown()
	w.play(w.now.Sub(w.began)+3*time.Hour, func() bool { return false })
	w.judgeEnd()
	return nil
}

func (w *world) play(most time.Duration, done func() bool) {
	for len(w.agenda) > 0 && !done() {
		e := heap.Pop(&w.agenda).(event)
		if e.at.Sub(w.began) > most {
			return
		}
		w.now = e.at
		e.do()
		if !w.unjudged {
			w.judge()
		}
	}
}

// settleDown ends the faults.
func (w *world) settleDown() {
	w.faults = calm
	w.openRoutes()
}

// misfortunes are what befalls the owner and the queues from time to time.
func (w *world) misfortunes() {
	w.every(w.faults.ownerKilled, func() { w.owner.die("killed") })
	w.every(w.faults.ownerDeposed, func() { w.depose() })
	w.every(w.faults.wiped, func() {
		w.saw("queues wiped")
		w.dial.wipe()
		w.reports.wipe()
	})
}

// every does f at random times, mean apart, while there are faults.
func (w *world) every(mean time.Duration, f func()) {
	if mean == 0 {
		return
	}
	w.after(w.span(0, 2*mean), func() {
		if w.faults == calm {
			return
		}
		f()
		w.every(mean, f)
	})
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || (a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.agenda, event{w.now.Add(d), w.seq, do})
}

// span is a time from lo to hi.
func (w *world) span(lo, hi time.Duration) time.Duration {
	const grain = time.Millisecond
	return lo + time.Duration(w.pick.below(int((hi-lo)/grain)+1))*grain
}

// soon is how long small things take.
func (w *world) soon() time.Duration { return w.span(0, 80*time.Millisecond) }

// chance is true so many times in a thousand.
func (w *world) chance(permille int) bool { return permille > 0 && w.pick.below(1000) < permille }

// saw counts what happened.
func (w *world) saw(what string) {
	w.happened[what]++
	w.log("%s", what)
}

func (w *world) log(format string, args ...any) {
	if w.verbose {
		w.story = append(w.story, fmt.Sprintf("%12v  ", w.now.Sub(w.began))+fmt.Sprintf(format, args...))
	}
}

// tail is the end of the story.
func (w *world) tail(n int) string {
	return strings.Join(w.story[max(0, len(w.story)-n):], "\n")
}

func (w *world) happy(rule string, ok bool) {
	if !ok {
		panic(verdict(rule))
	}
}

func (w *world) happyf(ok bool, format string, args ...any) {
	if !ok {
		panic(verdict(fmt.Sprintf(format, args...)))
	}
}

// config is the machine's: the defaults, but pages that are soon used up.
// The last request leaves early enough to arrive while the hours last.
func (w *world) config() machine.Config {
	return machine.Config{PageSize: w.scale.pageSize, CloseEarly: createLimit, RampUp: 500 * time.Millisecond, Table: w.table}
}
