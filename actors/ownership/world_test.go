package ownership

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// world is nodes on a bucket of leases, in virtual time.  What changes in the bucket is
// seen by each node in its order, as late as chance will have it.
type world struct {
	t          *rapid.T
	partitions int
	ttl        time.Duration
	now        time.Time
	lag        func() time.Duration // of what is seen
	work       func() time.Duration // of taking and of giving

	nodes   map[string]*node
	leases  map[string]*lease // by key: of a partition, or of a node
	moves   int               // partitions that got a holder
	busiest int               // most partitions that were free at once
}

type lease struct {
	holder string
	until  time.Time // of one whose holder does not renew it any more; else zero
}

type node struct {
	name    string
	mind    *Mind
	stages  []Stage
	due     []time.Time // when the taking or giving is done
	seen    []sight     // what it will see, ascending
	ask     time.Time   // when to decide
	frozen  bool
	leaving bool
}

// sight is a change on its way to a node.
type sight struct {
	at     time.Time
	key    string
	holder string
}

func newWorld(t *rapid.T, partitions int, lag, work func() time.Duration) *world {
	return &world{
		t: t, partitions: partitions, ttl: 5 * time.Second, now: time.Unix(1000, 0), lag: lag, work: work,
		nodes: make(map[string]*node), leases: make(map[string]*lease),
	}
}

func (w *world) join(name string) {
	n := &node{
		name: name, mind: New(name, Config{Partitions: w.partitions}, w.now),
		stages: make([]Stage, w.partitions), due: make([]time.Time, w.partitions), ask: w.now,
	}
	w.nodes[name] = n
	for key, l := range w.leases { // it waits for what is there before it decides
		n.see(key, l.holder, w.now)
	}
	w.set("node."+name, name)
	n.mind.Member(name, true, w.now)
}

func (w *world) leave(name string) {
	n := w.nodes[name]
	n.leaving, n.ask = true, w.now
	w.set("node."+name, "")
}

// crash ends a node: what it holds runs out, each lease a little later than the other.
func (w *world) crash(name string) {
	w.stop(name)
	delete(w.nodes, name)
}

func (w *world) stop(name string) {
	w.nodes[name].frozen = true
	for _, key := range slices.Sorted(maps.Keys(w.leases)) {
		if l := w.leases[key]; l.holder == name {
			l.until = w.now.Add(w.ttl + w.lag())
		}
	}
}

// thaw lets a node go on that stood still.  If that was for long, it has nothing now.
func (w *world) thaw(name string) {
	n := w.nodes[name]
	n.frozen, n.ask = false, w.now
	for i := range n.stages {
		if l := w.leases[key(i)]; n.stages[i] != None && (l == nil || l.holder != name) {
			n.stages[i] = None
		}
	}
	for _, l := range w.leases {
		if l.holder == name {
			l.until = time.Time{}
		}
	}
	if w.leases["node."+name] == nil {
		w.set("node."+name, name)
		n.mind.Member(name, true, w.now)
	}
}

func key(partition int) string { return keys[partition] }

// keys are the names of the partitions' leases.
var keys = func() (names [64]string) {
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}()

// set changes a lease, which all will see.
func (w *world) set(key, holder string) {
	if holder == "" {
		delete(w.leases, key)
	} else {
		w.leases[key] = &lease{holder: holder}
	}
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		w.nodes[name].later(key, holder, w.now.Add(w.lag()))
	}
}

func (n *node) later(key, holder string, at time.Time) {
	if len(n.seen) > 0 && n.seen[len(n.seen)-1].at.After(at) {
		at = n.seen[len(n.seen)-1].at
	}
	n.seen = append(n.seen, sight{at, key, holder})
}

func (n *node) see(key, holder string, now time.Time) {
	if name, ok := strings.CutPrefix(key, "node."); ok {
		n.mind.Member(name, holder != "", now)
	} else {
		n.mind.Holder(slices.Index(keys[:], key), holder, now)
	}
	n.ask = now
}

const step = time.Millisecond

// pass lets time go by, from one thing that happens to the next.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		w.happen()
		next := w.next()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		w.now = next
	}
}

// next is when something happens.
func (w *world) next() time.Time {
	var at alarm
	for _, l := range w.leases {
		if !l.until.IsZero() {
			at.by(l.until)
		}
	}
	for _, n := range w.nodes {
		if n.frozen {
			continue
		}
		if len(n.seen) > 0 {
			at.by(n.seen[0].at)
		}
		if !n.ask.IsZero() {
			at.by(n.ask)
		}
		for i, s := range n.stages {
			if s == Taking || s == Giving {
				at.by(n.due[i])
			}
		}
	}
	return at.at
}

// happen is all that happens at this moment.
func (w *world) happen() {
	var over []string
	for k, l := range w.leases {
		if !l.until.IsZero() && !w.now.Before(l.until) {
			over = append(over, k)
		}
	}
	slices.Sort(over)
	for _, k := range over {
		w.set(k, "")
	}
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		if n := w.nodes[name]; !n.frozen {
			w.act(n)
		}
	}
	w.busiest = max(w.busiest, w.free())
}

func (w *world) act(n *node) {
	for len(n.seen) > 0 && !n.seen[0].at.After(w.now) {
		n.see(n.seen[0].key, n.seen[0].holder, w.now)
		n.seen = n.seen[1:]
	}
	for i := range n.stages {
		if n.stages[i] != None && n.stages[i] != Held && !w.now.Before(n.due[i]) {
			w.finish(n, i)
		}
	}
	if n.ask.IsZero() || w.now.Before(n.ask) {
		return
	}
	if n.leaving {
		w.part(n)
		return
	}
	d := n.mind.Decide(n.stages, w.now)
	for _, i := range d.Take {
		n.begin(i, Taking, w)
	}
	for _, i := range d.Give {
		n.begin(i, Giving, w)
	}
	n.ask = d.Again
}

// part has a node that leaves give what it has, some at a time.
func (w *world) part(n *node) {
	n.ask = time.Time{}
	giving := 0
	for _, s := range n.stages {
		if s == Giving {
			giving++
		}
	}
	for i, s := range n.stages {
		if s == Held && giving < 16 {
			n.begin(i, Giving, w)
			giving++
		}
	}
}

func (n *node) begin(i int, to Stage, w *world) {
	from := None
	if to == Giving {
		from = Held
	}
	if n.stages[i] != from {
		w.t.Fatalf("%s is to turn %d from %v to %v", n.name, i, n.stages[i], to)
	}
	n.stages[i], n.due[i] = to, w.now.Add(w.work())
	n.ask = w.now
}

func (w *world) finish(n *node, i int) {
	l := w.leases[key(i)]
	switch {
	case n.stages[i] == Giving:
		n.stages[i] = None
		w.set(key(i), "")
		n.mind.Let(i, w.now)
	case l == nil || l.holder == n.name:
		n.stages[i] = Held
		w.set(key(i), n.name)
		n.mind.Holder(i, n.name, w.now)
		w.moves++
	default: // somebody was faster
		n.stages[i] = None
		n.mind.Holder(i, l.holder, w.now)
	}
	n.ask = w.now
}

// free is how many partitions nobody holds.
func (w *world) free() (n int) {
	for i := range w.partitions {
		if w.leases[key(i)] == nil {
			n++
		}
	}
	return n
}

// shares is how many partitions each node has.
func (w *world) shares() map[string]int {
	out := make(map[string]int)
	for name, n := range w.nodes {
		if !n.leaving {
			out[name] = 0
		}
	}
	for i := range w.partitions {
		if l := w.leases[key(i)]; l != nil {
			out[l.holder]++
		}
	}
	return out
}

// even: everything is owned, within one of even, by nodes that agree with the leases.
func (w *world) even() bool {
	if w.free() > 0 {
		return false
	}
	shares := w.shares()
	least, most := w.partitions, 0
	for name, has := range shares {
		if n := w.nodes[name]; n == nil || n.leaving {
			return false
		}
		least, most = min(least, has), max(most, has)
	}
	for name, n := range w.nodes {
		for i, s := range n.stages {
			if held := w.leases[key(i)].holder == name; held != (s == Held) {
				return false
			}
		}
	}
	return most-least <= 1
}

// calm is how long nothing must move for the nodes to be at rest: longer than any time
// after which they would think of something else.
const calm = 5 * time.Second

// rest lets time go by until it is even and stays so, and tells how long it took until the
// last partition moved.
func (w *world) rest(patience time.Duration) time.Duration {
	began, last, moved := w.now, w.now, w.moves
	for {
		w.happen()
		if w.moves != moved {
			last, moved = w.now, w.moves
		}
		next := w.next()
		if next.IsZero() || next.Sub(last) > calm && w.even() {
			break
		}
		if next.Sub(began) > patience+calm {
			w.t.Fatalf("not at rest after %v: %v, %d free", patience, w.shares(), w.free())
		}
		w.now = next
	}
	if !w.even() {
		w.t.Fatalf("at rest, and not even: %v, %d free", w.shares(), w.free())
	}
	return last.Sub(began)
}
