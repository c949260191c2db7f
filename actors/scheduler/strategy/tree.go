package strategy

import (
	"container/heap"
	"maps"
	"time"

	"dialtone/campaign"
)

// tree is start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) on the dominant
// cost of a call: the share that it takes of whichever binds, the channels or the calls
// per second.  It is hierarchical, as those authors do it: the root's children are
// groups, and campaigns that stand for themselves; a group's are its campaigns.  Each
// parent shares what it gets among its children, in a virtual time of its own.
//
// The length of a call is not known when its token is granted, so a guess is charged
// then, the running mean of the campaign's calls, and settled when the token comes
// back; what is used beyond it meanwhile is charged as it is used (account).
//
// A newcomer's first call goes before those of all its siblings, whatever their v:
// settling may have taken them back behind the present, where the newcomer begins.
// That is one call a child: of a group, however many campaigns it begins, only its
// own first one goes before others'.
//
// Invariant: a node is in its parent's heap while it, or for a group one of its
// campaigns, is eligible.
type tree struct {
	root      node
	campaigns map[campaign.ID]*node
	groups    map[string]*node
	empty     int // groups without a campaign
	tuning    tuning
	heard     int       // campaigns of which calls have ended
	lengths   float64   // sum of those campaigns' means
	perSecond float64   // cost of a second of one channel
	perCall   float64   // cost of one create request
	epoch     time.Time // where its clock begins
	seen      time.Time // when it was last looked at
	since     float64   // the epoch, then, in seconds
	stays     uint64
}

// tuning is what can be tuned about a tree.
type tuning struct {
	gain         float64            // of the newest call in the running mean of lengths
	firstGuess   float64            // seconds, for a campaign's first calls
	groupWeights map[string]float64 // of groups; 1 for those not named
}

// node is a campaign, a group, or the root.  There may be many thousand campaigns, so
// they are kept small, and what every grant looks at comes first.
type node struct {
	v      float64 // virtual time: cost charged, divided by weight
	weight float64
	last   uint64 // number of its last grant among its siblings
	parent *node
	at     int     // place in the parent's heap, or -1
	length float64 // running mean of a campaign's calls, seconds
	calls  int     // of its own, that the mean has seen
	served bool    // it was granted a token, or came with one
	told   bool    // the mean's beginning is its owner's
	account
	stay uint64      // which of all stays of campaigns with a parent this is
	id   campaign.ID // of a campaign
	*family
}

// family is what a group, or the root, has and a campaign has not.
type family struct {
	group    string
	eligible siblings // of the children
	children int      // campaigns
	vmin     float64  // the v of the child that was granted last: the virtual time here
	grants   uint64
	own      float64 // of what a group was charged ahead, the part that no campaign was
}

// childless is the family of campaigns.
var childless = &family{}

const (
	// Where nothing limits, the cost is still measured against something.
	nominalChannels = 1000
	nominalRate     = 10_000
	// keptGroups is how many groups without a campaign are remembered.
	keptGroups = 1000
)

func newTree(t tuning) *tree {
	tr := &tree{root: node{family: &family{}}, campaigns: make(map[campaign.ID]*node), groups: make(map[string]*node), tuning: t}
	tr.setCapacity(0, 0)
	return tr
}

// campaign finds a campaign's node, or makes it.
func (t *tree) campaign(id campaign.ID) *node {
	n := t.campaigns[id]
	if n == nil {
		n = &node{id: id, weight: campaign.DefaultWeight, length: t.tuning.firstGuess, at: -1, family: childless}
		t.campaigns[id] = n
		t.adoptInto(n, "")
	}
	return n
}

// adoptInto puts a campaign's node under its group, at the present of that: it brings
// neither credit nor debt from where it was.
func (t *tree) adoptInto(n *node, group string) {
	n.parent = &t.root
	if group != "" {
		n.parent = t.groups[group]
		if n.parent == nil {
			n.parent = t.newGroup(group)
		}
		if n.parent.children++; n.parent.children == 1 {
			t.empty--
		}
	}
	n.v = n.parent.present()
	t.stays++
	n.account, n.stay = account{}, t.stays
}

func (t *tree) newGroup(name string) *node {
	g := &node{parent: &t.root, weight: 1, v: t.root.present(), at: -1, family: &family{group: name}}
	if w, ok := t.tuning.groupWeights[name]; ok {
		g.weight = w
	}
	t.groups[name] = g
	t.empty++
	return g
}

// part takes a campaign's node out of its group.  A group that is empty by it is
// remembered: with one campaign after the other it would be a newcomer each time.
func (t *tree) part(n *node) {
	t.leave(n)
	p := n.parent
	if p == &t.root {
		return
	}
	if p.children--; p.children == 0 {
		t.empty++
		t.forgetGroups()
	}
}

// forgetGroups drops the empty groups when there are too many.
func (t *tree) forgetGroups() {
	if t.empty <= keptGroups {
		return
	}
	maps.DeleteFunc(t.groups, func(_ string, g *node) bool { return g.children == 0 })
	t.empty = 0
}

// reweigh changes a weight.  What the node is ahead of the present, or behind it, was
// charged by the old one; it counts by the new one from now on, or a campaign whose
// weight is raised would wait until the others had caught up with its former self.
func (t *tree) reweigh(n *node, weight float64) {
	if weight == n.weight {
		return
	}
	now := n.parent.vmin
	n.v = now + (n.v-now)*n.weight/weight
	n.weight = weight
	n.fix()
}

// set takes over what counts of a campaign's terms.
func (t *tree) set(n *node, terms Terms) {
	t.reweigh(n, terms.Weight)
	if n.calls == 0 && terms.Length > 0 {
		n.length, n.told = terms.Length.Seconds(), true
	}
	if n.parent.group == terms.Group {
		return
	}
	was := n.at >= 0
	t.part(n)
	t.adoptInto(n, terms.Group)
	if was {
		t.enter(n)
	}
}

func (t *tree) cost(seconds float64) float64 { return max(t.perCall, seconds*t.perSecond) }

// guess is what a call of a campaign is taken to cost.
func (t *tree) guess(n *node) float64 { return t.cost(n.length) }

// enter makes a campaign eligible, and with it its group.
func (t *tree) enter(n *node) {
	if n.blind() && n.up == 0 {
		n.length = t.typical()
	}
	credit := t.guess(n)
	for ; n.parent != nil && n.at < 0; n = n.parent {
		t.pay(n, t.since) // else the time away would be charged twice: now, and when its calls end
		n.lift(credit)
		heap.Push(&n.parent.eligible, n)
	}
}

// lift brings a node that was away to the present, less a credit of one guess: nobody
// banks idle time.  Until something is granted here the present is the beginning: what
// siblings were charged by then is for calls that were up before, and whoever has none
// is not to be lifted to it.
//
// Invariant: the credit is counted from the last grant's v, and not from the least,
// which may have entered on credit itself: a thousand would take each other a
// thousand guesses back.
func (n *node) lift(credit float64) {
	now := n.parent.present()
	if n.parent.grants > 0 && len(n.parent.eligible) > 0 {
		now = max(now, n.parent.eligible[0].v)
	}
	n.v = max(n.v, now-credit/n.weight)
}

// fewSiblings is how many are looked at to tell the present.
const fewSiblings = 64

// present is the virtual time among a node's children: the v of the one that was granted
// last; or less, where guesses were far too high, as those for first calls may be, and
// settling has taken all who are there back behind it.  Where there are many this is not
// looked for: each of them has few such calls.
func (n *node) present() float64 {
	if len(n.eligible) == 0 || len(n.eligible) > fewSiblings {
		return n.vmin
	}
	most := n.eligible[0].v
	for _, c := range n.eligible[1:] {
		most = max(most, c.v)
	}
	return min(n.vmin, most)
}

// leave makes a campaign ineligible, and its group when it was the last.
func (t *tree) leave(n *node) {
	for ; n.parent != nil && n.at >= 0 && len(n.eligible) == 0; n = n.parent {
		heap.Remove(&n.parent.eligible, n.at)
	}
}

// next is the campaign whose turn it is, or nil.
func (t *tree) next(now time.Time) *node {
	n, at := &t.root, t.seconds(now)
	for len(n.eligible) > 0 {
		n = n.eligible[0]
		if t.pay(n, at) {
			n = &t.root // it, or who is above it, may not be first any more
		}
	}
	if n == &t.root {
		return nil
	}
	return n
}

// grant charges a turn, with a guess.
func (t *tree) grant(n *node, now time.Time) Charge {
	for c := n; c.parent != nil; c = c.parent {
		p := c.parent
		p.vmin = max(p.vmin, c.v)
		p.grants++
		c.last, c.served = p.grants, true
	}
	return t.open(n, Charge{cost: t.guess(n), blind: n.blind()}, now)
}

// adopt charges a call that is up already: half of its length, since on average half
// of it is still to come, and no create request, which was made.
func (t *tree) adopt(n *node, now time.Time) Charge {
	t.serve(n)
	return t.open(n, Charge{cost: n.length / 2 * t.perSecond, kind: adopted}, now)
}

// settle replaces what was charged for a call by what it cost, where it was charged:
// what a campaign owed or was owed in a group that it has left since is the group's.
// n is nil if the campaign is not known any more.
func (t *tree) settle(n *node, c Charge, held time.Duration) {
	if n != nil && held > 0 && c.kind != adopted {
		t.learn(n, held)
	}
	switch more := t.spent(c, held) - c.cost; {
	case c.under == nil:
	case n != nil && n.parent == c.under && n.stay == c.stay:
		t.close(n, c, more)
		if c.blind {
			t.correct(n)
			t.bound(n)
		}
	default:
		t.close(c.under, c, more)
	}
}

// bound takes a campaign that was charged without anything being known of it, and far
// too much, back to the present and no further: whoever came in the meantime began at
// the present as those charges had made it, and would wait for all that is refunded.
func (t *tree) bound(n *node) {
	credit := t.guess(n)
	for ; n.parent != nil; n = n.parent {
		if least := n.parent.present() - credit/n.weight; n.v < least {
			n.v = least
			n.fix()
		}
	}
}

// serve notes that a campaign has had a call, without a turn.
func (t *tree) serve(n *node) {
	for c := n; c.parent != nil; c = c.parent {
		c.served = true
		c.fix()
	}
}

// learn takes in how long a call lasted.  Where nothing was known the first ones count
// for more, each as much as those before it: the first guess is forgotten at once.
func (t *tree) learn(n *node, held time.Duration) {
	n.calls++
	gain := t.tuning.gain
	if !n.told {
		gain = max(gain, 1/float64(n.calls))
	}
	was := n.length
	n.length += gain * (held.Seconds() - n.length)
	if n.calls == 1 {
		t.heard++
		was = 0
	}
	t.lengths += n.length - was
}

// typical is how long the calls of a campaign are taken to last of which nothing is
// known: as those of the others do, on average over the campaigns.
func (t *tree) typical() float64 {
	if t.heard == 0 {
		return t.tuning.firstGuess
	}
	return t.lengths / float64(t.heard)
}

// charge adds a cost, which may be negative.
func (n *node) charge(cost float64) {
	n.v += cost / n.weight
	n.fix()
}

func (n *node) fix() {
	if n.at >= 0 {
		heap.Fix(&n.parent.eligible, n.at)
	}
}

func (t *tree) setCapacity(channels int, callsPerSecond float64) {
	t.perSecond, t.perCall = 1.0/nominalChannels, 1.0/nominalRate
	if channels > 0 {
		t.perSecond = 1 / float64(channels)
	}
	if callsPerSecond > 0 {
		t.perCall = 1 / callsPerSecond
	}
}

func (t *tree) forget(id campaign.ID) {
	if n := t.campaigns[id]; n != nil {
		t.part(n)
		t.unlearn(n)
		delete(t.campaigns, id)
	}
}

// unlearn takes a campaign's calls out of what is typical.
func (t *tree) unlearn(n *node) {
	if n.calls > 0 {
		t.heard--
		t.lengths -= n.length
	}
	if t.heard == 0 {
		t.lengths = 0 // no rest of rounding is left
	}
}

// inherit takes over what another tree knows of a campaign's calls.
func (t *tree) inherit(n, from *node) {
	n.length, n.calls, n.told = from.length, from.calls, from.told
	if n.calls > 0 {
		t.heard++
		t.lengths += n.length
	}
	if from.served {
		t.serve(n)
	}
}
