package book

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/provider"
)

// deskWorld is real desks and a real Core, with a network between them that loses,
// delays and doubles what they say, and naive actors over a store that fences.
// Unlike a machine, such an actor spends every token that it gets: only the
// leader keeps it within its limit.
type deskWorld struct {
	t      *rapid.T
	dice   *rand.Rand
	now    time.Time
	limits map[string]provider.Limits

	core   *scheduler.Core
	reign  int
	beat   time.Time
	nodes  []*deskNode
	jobs   []*deskJob
	owners [bus.Partitions]*deskNode
	epochs [bus.Partitions]int64
	calls  campaign.CallID
	asked  map[string][]time.Time // when providers saw requests

	loss float64 // of messages
	calm bool    // the noise is over
	hurt map[string]int
}

// deskJob is a campaign as the store has it.
type deskJob struct {
	id     campaign.ID
	limit  int
	todo   int
	made   int
	flight map[campaign.AttemptID]*deskFlight
	ended  map[campaign.AttemptID]bool // those of them that the provider has told the end of
}

// deskFlight is an attempt on its way.
type deskFlight struct {
	provider string
	evidence campaign.Evidence // as the campaign knows it
	seen     bool              // by the provider
}

type deskNode struct {
	name   string
	book   *Book // nil while it is down
	box    []any // what it has not taken in
	actors map[campaign.ID]*deskActor
	parts  map[int]int64
	up     [][]byte         // reports on their way
	down   map[int][][]byte // grants on their way, by leader
	full   time.Time
}

type deskActor struct {
	job    *deskJob
	box    []Granted
	seen   scheduler.Mark
	told   scheduler.Demand
	first  bool
	tokens map[campaign.AttemptID]machine.Token
}

func newDeskWorld(t *rapid.T) *deskWorld {
	w := &deskWorld{
		t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), hurt: map[string]int{}, asked: map[string][]time.Time{},
		dice: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "dice"), 7)),
		loss: rapid.SampledFrom([]float64{0, 0.1, 0.4}).Draw(t, "loss"),
		limits: map[string]provider.Limits{
			"a": {Channels: rapid.IntRange(1, 6).Draw(t, "channels"), CallsPerSecond: rapid.SampledFrom([]float64{0, 5, 20}).Draw(t, "rate")},
		},
	}
	if rapid.Bool().Draw(t, "two providers") {
		w.limits["b"] = provider.Limits{Channels: 3}
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "campaigns") {
		w.jobs = append(w.jobs, &deskJob{
			id: campaign.ID(2 + 7*i), limit: rapid.IntRange(1, 4).Draw(t, "limit"), todo: rapid.IntRange(0, 15).Draw(t, "todo"),
			flight: map[campaign.AttemptID]*deskFlight{}, ended: map[campaign.AttemptID]bool{},
		})
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
		w.nodes = append(w.nodes, &deskNode{name: fmt.Sprintf("n%d", i+1)})
		w.boot(w.nodes[i])
	}
	w.assign()
	w.lead(0)
	return w
}

// keys lists a map's keys in order, so that a run can be repeated.
func keys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// lead puts a new leader in office, whose clock may be behind or ahead.
func (w *deskWorld) lead(skew time.Duration) {
	w.reign++
	w.hurt["leader"]++
	choice := scheduler.Choice{Strategy: strategy.Names()[w.dice.IntN(len(strategy.Names()))]}
	build, err := choice.Builder()
	require.NoError(w.t, err)
	w.core = scheduler.NewCore(uint64(w.now.Add(skew).UnixNano())+uint64(w.reign), w.limits, choice, build, w.now)
	for _, n := range w.nodes {
		w.realise(n)
		if skew < 0 { // nothing of a leader of a higher term arrives late
			clear(n.down)
		}
	}
}

// post puts something into the mailbox of a node's desk.
func (n *deskNode) post(m any) { n.box = append(n.box, m) }

// boot starts a node's process anew: it owns nothing and knows nothing.
func (w *deskWorld) boot(n *deskNode) {
	n.actors, n.parts, n.down = map[campaign.ID]*deskActor{}, map[int]int64{}, map[int][][]byte{}
	n.book = New(n.name,
		func(r scheduler.Report) error {
			slices.SortFunc(r.Demands, func(a, b scheduler.Demand) int { return cmp.Compare(a.Campaign, b.Campaign) })
			raw, err := json.Marshal(r)
			n.up = append(n.up, raw)
			return err
		},
		func(id campaign.ID, g Granted) bool {
			a := n.actors[id]
			if a != nil {
				a.box = append(a.box, g)
			}
			return a != nil
		}, slog.New(slog.DiscardHandler))
}

// crash ends a node's process; its partitions are nobody's.
func (w *deskWorld) crash(n *deskNode) {
	n.book, n.box, n.actors, n.parts, n.down = nil, nil, nil, nil, map[int][][]byte{}
	for p, o := range w.owners {
		if o == n {
			w.owners[p] = nil
		}
	}
}

// assign gives the partitions that nobody has to nodes that run.
func (w *deskWorld) assign() {
	for p, o := range w.owners {
		if o == nil {
			w.seize(w.running(), p)
		}
	}
}

// running is a node that runs, started if there is none.
func (w *deskWorld) running() *deskNode {
	n := w.nodes[w.dice.IntN(len(w.nodes))]
	if n.book == nil {
		w.boot(n)
	}
	return n
}

// seize makes a node the owner of a partition: the epoch first, then its campaigns
// are woken, and then the desk speaks for it.  The owner before may not know.
func (w *deskWorld) seize(n *deskNode, p int) {
	if n == nil || w.owners[p] == n {
		return
	}
	w.release(n, p)
	w.desks(n) // the store takes longer to answer than a desk to take its turn
	w.owners[p] = n
	w.epochs[p]++
	n.parts[p] = w.epochs[p]
	for _, j := range w.jobs {
		if bus.PartitionOf(j.id) == p && (j.todo > 0 || len(j.flight) > 0) {
			w.wake(n, j)
		}
	}
	n.post(Awake{p, w.epochs[p]})
}

// release ends a partition at a node, in good order or because it found out that
// it lost it.
func (w *deskWorld) release(n *deskNode, p int) {
	if n.parts[p] == 0 {
		return
	}
	g := Gone{Partition: p}
	for _, id := range keys(n.actors) {
		if bus.PartitionOf(id) == p {
			g.Campaigns = append(g.Campaigns, id)
			delete(n.actors, id)
		}
	}
	delete(n.parts, p)
	if w.owners[p] == n {
		w.owners[p] = nil
	}
	n.post(g)
}

// realise lets a node find out what it has lost.
func (w *deskWorld) realise(n *deskNode) {
	for _, p := range keys(n.parts) {
		if n.parts[p] < w.epochs[p] {
			w.release(n, p)
		}
	}
}

// wake builds a campaign's actor, or builds its machine anew.
func (w *deskWorld) wake(n *deskNode, j *deskJob) {
	a := n.actors[j.id]
	if a == nil {
		a = &deskActor{job: j}
		n.actors[j.id] = a
	}
	a.first, a.tokens = true, map[campaign.AttemptID]machine.Token{}
	h := Holds{Campaign: j.id}
	for _, attempt := range keys(j.flight) {
		f := j.flight[attempt]
		if f.evidence == campaign.EvidenceGranted {
			f.evidence = campaign.EvidencePlacing // who takes it over can't know
		}
		a.tokens[attempt] = machine.Token{ID: 1<<63 | uint64(attempt), Provider: f.provider}
		h.Tokens = append(h.Tokens, f.progress(a.tokens[attempt], attempt))
	}
	n.post(h)
	w.tell(n, a, nil, nil)
}

func (f *deskFlight) progress(t machine.Token, id campaign.AttemptID) machine.Progress {
	return machine.Progress{Token: t, Evidence: f.evidence, Attempt: id, To: "+1"}
}

// rebuild builds an actor's machine anew; the first of its grants may have been
// taken in by the old one, and is lost with it.
func (w *deskWorld) rebuild(n *deskNode, a *deskActor, swallow bool) {
	if w.stale(n, a) {
		return
	}
	if swallow && len(a.box) > 0 {
		a.seen, a.box = a.box[0].Mark, a.box[1:]
		w.hurt["swallowed"]++
	}
	w.hurt["rebuilt"]++
	w.wake(n, a.job)
}

// stale reports whether the store refuses what this actor writes; then its node
// knows that it lost the partition.
func (w *deskWorld) stale(n *deskNode, a *deskActor) bool {
	p := bus.PartitionOf(a.job.id)
	if n.parts[p] == w.epochs[p] && w.owners[p] == n {
		return false
	}
	w.hurt["fenced"]++
	w.release(n, p)
	return true
}

// act is one turn of an actor.
func (w *deskWorld) act(n *deskNode, a *deskActor) {
	j := a.job
	work := len(a.box) > 0 || len(j.ended) > 0
	if work && w.stale(n, a) {
		return
	}
	if !w.calm && len(a.box) > 0 && w.dice.IntN(5) == 0 {
		w.rebuild(n, a, w.dice.IntN(2) == 0)
		return
	}
	var back []machine.Release
	for _, g := range a.box {
		a.seen = g.Mark
		for _, tok := range g.Tokens {
			if j.todo == 0 {
				back = append(back, machine.Release{Token: tok, Unsent: true})
				continue
			}
			w.calls++
			j.todo--
			j.made++
			attempt := campaign.NewAttemptID(w.calls, 1)
			j.flight[attempt], a.tokens[attempt] = &deskFlight{provider: tok.Provider, evidence: campaign.EvidenceGranted}, tok
		}
	}
	a.box = nil
	for _, attempt := range keys(j.ended) {
		unsent := j.flight[attempt].evidence == campaign.EvidenceGranted
		back = append(back, machine.Release{Token: a.tokens[attempt], Held: time.Second, Unsent: unsent})
		delete(j.ended, attempt)
		delete(j.flight, attempt)
		delete(a.tokens, attempt)
	}
	w.tell(n, a, w.learn(a), back)
	if j.todo == 0 && len(j.flight) == 0 && w.dice.IntN(4) == 0 {
		delete(n.actors, j.id)
		n.post(Left{j.id})
	}
}

// learn lets a campaign's calls come further.
func (w *deskWorld) learn(a *deskActor) (news []machine.Progress) {
	for _, id := range keys(a.job.flight) {
		f := a.job.flight[id]
		switch {
		case w.dice.IntN(2) == 0 && !w.calm:
			continue
		case f.evidence == campaign.EvidenceGranted:
			f.evidence = campaign.EvidencePlacing
		case f.evidence == campaign.EvidencePlacing && f.seen:
			f.evidence = campaign.EvidencePlaced
		default:
			continue
		}
		news = append(news, f.progress(a.tokens[id], id))
	}
	return news
}

// ask lets providers see requests of which the campaigns have let go.
func (w *deskWorld) ask() {
	for _, j := range w.jobs {
		for _, id := range keys(j.flight) {
			f := j.flight[id]
			if f.evidence == campaign.EvidencePlacing && !f.seen && (w.calm || w.dice.IntN(4) == 0) {
				f.seen = true
				w.asked[f.provider] = append(w.asked[f.provider], w.now)
			}
		}
	}
}

func (w *deskWorld) tell(n *deskNode, a *deskActor, news []machine.Progress, back []machine.Release) {
	d := scheduler.Demand{Campaign: a.job.id, Seen: a.seen, Fresh: a.job.todo, Limit: a.job.limit, Weight: 1}
	if !d.Equal(&a.told) || len(back)+len(news) > 0 || a.first {
		a.told, a.first = d, false
		n.post(&Wants{Demand: d, Progress: news, Releases: back})
	}
}

// desks lets a node's desk take in what was posted, and report.
func (w *deskWorld) desks(n *deskNode) {
	for _, m := range n.box {
		n.book.Take(m)
	}
	n.box = nil
	if !w.now.Before(n.full) {
		n.book.TellAll()
		n.full = w.now.Add(n.book.FullPause())
	}
	n.book.Report()
}

// fate is what becomes of a message: how often it arrives.
func (w *deskWorld) fate() int {
	switch x := w.dice.Float64(); {
	case x < w.loss:
		w.hurt["lost"]++
		return 0
	case x < 1.5*w.loss:
		w.hurt["doubled"]++
		return 2
	}
	return 1
}

func (w *deskWorld) hear(n *deskNode) {
	if len(n.up) == 0 {
		return
	}
	raw := n.up[0]
	n.up = n.up[1:]
	for range w.fate() {
		var r scheduler.Report
		require.NoError(w.t, json.Unmarshal(raw, &r))
		w.core.Take(&r, w.now)
	}
}

func (w *deskWorld) receive(n *deskNode, leader int) {
	q := n.down[leader]
	if len(q) == 0 || n.book == nil {
		return
	}
	n.down[leader] = q[1:]
	for range w.fate() {
		g := &scheduler.Grants{}
		require.NoError(w.t, json.Unmarshal(q[0], g))
		n.post(g)
	}
}

func (w *deskWorld) grant() {
	out := w.core.Grant(w.now)
	for _, name := range keys(out) {
		w.post(name, out[name])
	}
	if !w.now.Before(w.beat) {
		w.beat = w.now.Add(500 * time.Millisecond)
		for _, name := range w.core.Nodes() {
			w.post(name, w.core.Beat(name))
		}
	}
}

func (w *deskWorld) post(name string, g *scheduler.Grants) {
	raw, err := json.Marshal(g)
	require.NoError(w.t, err)
	i := slices.IndexFunc(w.nodes, func(n *deskNode) bool { return n.name == name })
	w.nodes[i].down[w.reign] = append(w.nodes[i].down[w.reign], raw)
}

// round lets a moment pass in which some of everything happens.
func (w *deskWorld) round(slack int, end float64) {
	w.now = w.now.Add(time.Duration(1+w.dice.IntN(100)) * time.Millisecond)
	w.ask()
	for _, j := range w.jobs {
		for _, attempt := range keys(j.flight) {
			if w.dice.Float64() < end {
				j.ended[attempt] = true
			}
		}
	}
	for _, n := range w.nodes {
		for range len(n.up) {
			if w.dice.IntN(slack) == 0 {
				w.hear(n)
			}
		}
		for _, leader := range keys(n.down) {
			if w.dice.IntN(slack) == 0 {
				w.receive(n, leader)
			}
		}
		if n.book == nil {
			continue
		}
		for _, id := range keys(n.actors) {
			if a := n.actors[id]; a != nil && w.dice.IntN(slack) == 0 {
				w.act(n, a)
			}
		}
		if w.dice.IntN(slack) == 0 {
			w.desks(n)
		}
		w.judge()
	}
	w.grant()
	w.judge()
}
