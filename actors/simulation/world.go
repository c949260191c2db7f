package simulation

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"
)

// Options are how a run differs from the usual one.
type Options struct {
	// Plant is a bug that the world is to have.
	Plant Plant
	// Story: keep what happens.
	Story bool
}

// Result is what a run came to.
type Result struct {
	Seed uint64
	// Broken is the promise that did not hold, and how; "" if all did.
	Broken string
	// Took is how long the run lasted, by its own clock.
	Took time.Duration
	// Happened counts what befell the run.
	Happened map[string]int
	Events   int
	// Story is what happened, line by line, if that was asked for.
	Story []string
}

// Tail is the end of the story.
func (r *Result) Tail(lines int) string {
	return strings.Join(r.Story[max(0, len(r.Story)-lines):], "\n")
}

// Digest is a hash of the story: two runs of a seed have the same.
func (r *Result) Digest() uint64 {
	h := fnv.New64a()
	for _, line := range r.Story {
		_, _ = h.Write([]byte(line)) // it never fails
	}
	return h.Sum64()
}

// world is one run: everything in it happens in one goroutine, by one clock, and every
// choice comes from one source.
type world struct {
	dice     *rand.Rand
	plant    Plant
	faults   faults
	calm     bool // the faults are over
	now      time.Time
	began    time.Time
	agenda   agenda
	seq      uint64
	log      *slog.Logger // of the real code, which has nothing to say here
	happened map[string]int
	events   int
	story    []string
	telling  bool

	store     *memory
	bucket    *bucket
	jobs      *stream
	reports   *stream
	nodes     []*node
	providers []*phone
	users     []*user
	sizes     sizes
}

// verdict is what a run fails with.
type verdict string

// Run plays one run.  The same seed plays the same run.
func Run(seed uint64, o Options) Result {
	w := newWorld(seed, o)
	broken := w.judged(w.play)
	return Result{Seed: seed, Broken: broken, Took: w.now.Sub(w.began), Happened: w.happened, Story: w.story, Events: w.events}
}

// judged plays, and says what was broken, or "".  A panic of the code that is played breaks
// a run as well.
func (w *world) judged(play func()) (broken string) {
	defer func() {
		switch v := recover().(type) {
		case nil:
			return
		case verdict:
			broken = string(v)
		default:
			broken = fmt.Sprintf("a panic: %v\n%s", v, debug.Stack())
		}
		w.tell("BROKEN %s", broken)
	}()
	play()
	return ""
}

func newWorld(seed uint64, o Options) *world {
	w := &world{
		dice: rand.New(rand.NewPCG(seed, 1)), plant: o.Plant, telling: o.Story,
		began: time.Date(2026, 3, 2, 9, 0, 40, 0, time.UTC), log: slog.New(slog.DiscardHandler),
		happened: make(map[string]int),
	}
	w.now = w.began
	w.sizes = w.drawSizes()
	w.faults = w.drawFaults()
	w.store = newMemory(w)
	w.bucket = &bucket{w: w, keys: make(map[string]*key)}
	w.jobs, w.reports = newStream(w, "DIAL"), newStream(w, "CALLBACK")
	w.installProviders()
	w.installNodes()
	w.installUsers()
	return w
}

const (
	// settling is how long after the faults everything must have come to its end.
	settling = 10 * time.Minute
	// afterwards is how long after that what is under way may go on.
	afterwards = 30 * time.Second
)

func (w *world) play() {
	for _, n := range w.nodes {
		w.boot(n)
	}
	for _, u := range w.users {
		u.arrive()
	}
	w.misfortunes()
	w.run(w.sizes.chaos, func() bool { return false })
	w.settleDown()
	w.run(w.sizes.chaos+settling, w.over)
	if !w.over() {
		w.fail("NothingLost: not everything came to an end: %s", w.unfinished())
	}
	w.run(w.now.Sub(w.began)+afterwards, w.quiet)
	w.judgeEnd()
}

// run plays up to a time, or until something is so, which is looked at twice a second.
func (w *world) run(until time.Duration, done func() bool) {
	look := w.now.Sub(w.began)
	for len(w.agenda) > 0 && w.agenda[0].at <= until {
		if w.agenda[0].at >= look {
			if done() {
				return
			}
			look = w.agenda[0].at + 500*time.Millisecond
		}
		e := w.agenda.pop()
		w.now = w.began.Add(e.at)
		w.events++
		if e.p != nil {
			e.p.do(e.do)
		} else {
			e.do()
		}
	}
}

// after has something happen, whoever may be dead by then.
func (w *world) after(d time.Duration, do func()) {
	w.afterOf(nil, d, do)
}

// afterOf has something happen that a process does.
func (w *world) afterOf(p *process, d time.Duration, do func()) {
	w.seq++
	w.agenda.push(event{at: w.now.Sub(w.began) + d, seq: w.seq, p: p, do: do})
}

// below is a number from 0 to n-1.
func (w *world) below(n int) int { return w.dice.IntN(n) }

// chance is true so many times in a hundred thousand, and never when the faults are over.
func (w *world) chance(rate int) bool { return rate > 0 && !w.calm && w.dice.IntN(100_000) < rate }

// span is a time from lo to hi, by the half millisecond.
func (w *world) span(lo, hi time.Duration) time.Duration {
	const grain = 500 * time.Microsecond
	return lo + time.Duration(w.dice.IntN(int((hi-lo)/grain)+1))*grain
}

// moment is how long things take that take no time.
func (w *world) moment() time.Duration { return w.span(0, 3*time.Millisecond) }

// trip is how long a message is on its way.
func (w *world) trip() time.Duration {
	if w.chance(w.faults.slow) {
		return w.span(0, 800*time.Millisecond)
	}
	return w.span(500*time.Microsecond, 12*time.Millisecond)
}

// saw counts what happened.
func (w *world) saw(what string) {
	w.happened[what]++
	if w.telling {
		w.tell("%s", what)
	}
}

// tell adds to the story.  Where it is called often, telling is asked first.
func (w *world) tell(format string, args ...any) {
	if w.telling {
		w.story = append(w.story, fmt.Sprintf("%12v  ", w.now.Sub(w.began))+fmt.Sprintf(format, args...))
	}
}

// fail ends the run: a promise is broken.
func (w *world) fail(format string, args ...any) { panic(verdict(fmt.Sprintf(format, args...))) }
