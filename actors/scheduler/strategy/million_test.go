package strategy_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
)

// ordeal is a pool at play in which everything changes at random, and the bound of
// fair-share.md held at every step, between all campaigns of one group, and between
// all groups and campaigns that stand for themselves:
//
//	|A_i/w_i − A_j/w_j| ≤ D·((2n_i+1)/w_i + 2n_j/w_j)
//
// A is what was used since both became eligible, or either's weight changed: the bound
// is for spans in which they stay so.  n is the peak in flight: of all times, since what
// was up before a span was charged as well.
type ordeal struct {
	*sim
	dice    *rand.Rand
	lengths func() time.Duration
	dearest float64 // D
	parties []*party
	steps   int
	counts  map[string]int
	worst   float64
}

// party is a campaign among those of its group, or a group among all.
type party struct {
	name   string
	parent string
	weight float64
	of     []*dialer
	was    bool      // eligible
	peak   int       // in flight, since then
	used   float64   // as of this step
	since  []float64 // what was used when the span with each other party began
}

var groupWeights = map[string]float64{"a": 1, "b": 2}

func newOrdeal(t require.TestingT, seed uint64) *ordeal {
	o := &ordeal{dice: rand.New(rand.NewPCG(seed, 3)), counts: map[string]int{}}
	rate := []float64{0, 0, 0.5, 5}[o.dice.IntN(4)]
	o.sim = newSim(t, "fair", 1+o.dice.IntN(30), rate)
	o.sim.lead("fair", o.parameters())
	shortest := time.Duration(1+o.dice.IntN(20)) * time.Second
	longest := shortest * time.Duration(1+o.dice.IntN(15))
	o.lengths = func() time.Duration {
		if o.dice.IntN(5) == 0 {
			return longest
		}
		return shortest + time.Duration(o.dice.Int64N(int64(longest-shortest)+1))/4
	}
	o.dearest = o.cost(max(longest, 10*time.Second)) // a first call is taken to last 10 s
	for range 2 + o.dice.IntN(4) {
		o.arrive()
	}
	o.onStep = o.judge
	return o
}

func (o *ordeal) parameters() map[string]any {
	return map[string]any{"group_weights": groupWeights}
}

// arrive begins a campaign, in a group or not.
func (o *ordeal) arrive() {
	d := &dialer{weight: o.weight(), length: o.lengths, want: endless, firstCall: -1}
	d.terms = strategy.Terms{Group: []string{"", "", "a", "b"}[o.dice.IntN(4)]}
	o.enlist(d)
	o.party("of "+d.terms.Group, string(rune('A'+d.id)), d.weight, d)
	switch g := d.terms.Group; g {
	case "":
		o.parties[len(o.parties)-1].parent = "all"
	default:
		o.party("all", g, groupWeights[g], d)
	}
}

// party adds a dialer to a party, which may be there.
func (o *ordeal) party(parent, name string, weight float64, d *dialer) {
	for _, p := range o.parties {
		if p.parent == parent && p.name == name {
			p.of = append(p.of, d)
			return
		}
	}
	o.parties = append(o.parties, &party{name: name, parent: parent, weight: weight, of: []*dialer{d}})
	for _, p := range o.parties {
		p.since = append(p.since, make([]float64, len(o.parties)-len(p.since))...)
	}
}

func (o *ordeal) weight() float64 { return []float64{0.5, 1, 1, 2, 4}[o.dice.IntN(5)] }

// upset is one of the things that happen to campaigns.
func (o *ordeal) upset() {
	d := o.dialers[o.dice.IntN(len(o.dialers))]
	switch what := []string{"pause", "pause", "resume", "resume", "resume", "limit", "weight", "arrival", "leader", "end"}[o.dice.IntN(10)]; what {
	case "pause", "end":
		o.count(what)
		d.want = 0
		o.consider(d)
	case "resume":
		o.count(what)
		d.want = endless
		o.consider(d)
	case "limit":
		o.count(what)
		d.limit = o.dice.IntN(4) * o.dice.IntN(8)
		o.consider(d)
	case "weight":
		o.count(what)
		d.weight = o.weight()
		o.tell(d)
		o.reweigh(d)
	case "arrival":
		if len(o.dialers) < 9 {
			o.count(what)
			o.arrive()
		}
	case "leader":
		o.count(what)
		o.lead("fair", o.parameters())
		for _, p := range o.parties {
			o.begin(p) // how far they lay apart, the leader before knew; see TestLeaderChange
		}
	}
	o.judge()
}

func (o *ordeal) count(what string) { o.counts[what]++ }

func (o *ordeal) reweigh(d *dialer) {
	for _, p := range o.parties {
		if len(p.of) == 1 && p.of[0] == d && p.name == string(rune('A'+d.id)) {
			p.weight = d.weight
			o.begin(p)
		}
	}
}

// begin starts the spans of a party with all others anew.
func (o *ordeal) begin(p *party) {
	o.measure()
	for i, other := range o.parties {
		p.since[i] = p.used
		for j, q := range o.parties {
			if q == p {
				other.since[j] = other.used
			}
		}
	}
}

func (p *party) up() (n int) {
	for _, d := range p.of {
		n += d.held
	}
	return n
}

func (p *party) eligible() bool {
	for _, d := range p.of {
		if d.want > 0 && (d.limit == 0 || d.held < d.limit) {
			return true
		}
	}
	return false
}

func (o *ordeal) measure() {
	for _, p := range o.parties {
		p.used = 0
		for _, d := range p.of {
			p.used += o.used(d)
		}
	}
}

// judge holds the bound against the present.
func (o *ordeal) judge() {
	o.steps++
	for _, p := range o.parties {
		if is := p.eligible(); is != p.was {
			p.was = is
			o.begin(p)
		}
		p.peak = max(p.peak, p.up())
	}
	o.measure()
	for i, p := range o.parties {
		for j, q := range o.parties[:i] {
			if p.parent == q.parent && p.was && q.was {
				o.compare(p, q, i, j)
			}
		}
	}
}

func (o *ordeal) compare(p, q *party, i, j int) {
	apart := math.Abs((p.used-p.since[j])/p.weight - (q.used-q.since[i])/q.weight)
	np, nq := float64(p.peak), float64(q.peak)
	bound := o.dearest * min((2*np+1)/p.weight+2*nq/q.weight, (2*nq+1)/q.weight+2*np/p.weight)
	o.worst = max(o.worst, apart/bound)
	if apart > bound {
		require.Fail(o.t, "FairShare", "at %v, %s and %s of %s are %.3f apart, and the bound is %.3f (peaks %v %v, weights %v %v)",
			o.now, p.name, q.name, p.parent, apart, bound, np, nq, p.weight, q.weight)
	}
}

// FairShare: the bound holds at every one of a million steps, while campaigns arrive,
// end, pause, resume, change their weights and limits, and leaders come and go.
func TestFairShareBoundForAMillionSteps(t *testing.T) {
	most := 1_000_000
	if testing.Short() {
		most /= 20
	}
	steps, worst, counts := 0, 0.0, map[string]int{}
	for seed := uint64(1); steps < most; seed++ {
		o := newOrdeal(t, seed)
		for range 200 {
			o.run(o.now + time.Duration(o.dice.Int64N(int64(2*time.Minute))))
			o.upset()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		steps, worst = steps+o.steps, max(worst, o.worst)
		for what, n := range o.counts {
			counts[what] += n
		}
	}
	t.Logf("%d steps; the largest lag was %.2f of the bound; %v", steps, worst, counts)
	if testing.Short() {
		return
	}
	for _, what := range []string{"arrival", "end", "pause", "resume", "limit", "weight", "leader"} {
		require.Greater(t, counts[what], 100, "%s happened", what)
	}
}
