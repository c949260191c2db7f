package book

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
)

// judge checks what must be true at every moment.
func (w *deskWorld) judge() {
	byProvider := map[string]int{}
	for _, j := range w.jobs {
		held := len(j.flight)
		for _, f := range j.flight {
			byProvider[f.provider]++
		}
		// Tokens that wait to be spent, where they can be.
		if n := w.owners[bus.PartitionOf(j.id)]; n != nil && n.actors[j.id] != nil {
			for _, g := range n.actors[j.id].box {
				for _, tok := range g.Tokens {
					byProvider[tok.Provider]++
					held++
				}
			}
		}
		if held > j.limit {
			w.t.Fatalf("WithinLimit: campaign %v holds %d of %d", j.id, held, j.limit)
		}
	}
	for name, l := range w.limits {
		if byProvider[name] > l.Channels {
			w.t.Fatalf("WithinLimit: provider %s has %d calls on %d channels", name, byProvider[name], l.Channels)
		}
		w.judgeRate(name, int(l.CallsPerSecond))
	}
}

// judgeRate looks at the second before the latest requests that a provider saw.
func (w *deskWorld) judgeRate(name string, most int) {
	asked := w.asked[name]
	if n := len(asked); most > 0 && n > most && asked[n-1].Sub(asked[n-1-most]) < time.Second {
		w.t.Fatalf("WithinLimit: provider %s saw %d requests within %v", name, most+1, asked[n-1].Sub(asked[n-1-most]))
	}
}

// books compares what the leader believes with what is so.
func (w *deskWorld) books() {
	believed, told, flights := map[string]campaign.ID{}, map[string]campaign.ID{}, 0
	for _, s := range w.core.Slots(scheduler.SlotQuery{}, w.now) {
		believed[s.Token] = s.Campaign
	}
	for _, n := range w.nodes {
		if n.book == nil {
			continue
		}
		for id, c := range n.book.clients {
			for tok := range c.held {
				told[tokenString(tok)] = id
			}
		}
	}
	for _, j := range w.jobs {
		flights += len(j.flight)
	}
	require.Equal(w.t, told, believed, "the leader's books and the nodes'")
	require.Len(w.t, believed, flights)
}

// mischief is what may happen at any time.
func (w *deskWorld) mischief() {
	n := w.nodes[w.dice.IntN(len(w.nodes))]
	j := w.jobs[w.dice.IntN(len(w.jobs))]
	p := bus.PartitionOf(j.id)
	acts := []string{"nothing", "more", "assign", "assign", "more", "takeover", "takeover", "handover", "crash", "leader"}
	switch rapid.SampledFrom(acts).Draw(w.t, "mischief") {
	case "leader":
		w.lead(time.Duration(rapid.IntRange(-5, 5).Draw(w.t, "skew")) * time.Second)
	case "crash":
		w.crash(n)
		w.hurt["crash"]++
	case "assign":
		w.assign()
	case "takeover": // taken while the owner is away, that does not know it
		if heir := w.running(); w.owners[p] != heir {
			w.hurt["takeover"]++
			w.seize(heir, p)
		}
	case "handover": // handed over
		if n.book != nil {
			w.release(n, p)
		}
		w.seize(w.running(), p)
	case "more":
		w.more(j, 1+w.dice.IntN(5))
	}
}

// more adds contacts; a command for the campaign wakes its actor.
func (w *deskWorld) more(j *deskJob, n int) {
	j.todo += n
	if o := w.owners[bus.PartitionOf(j.id)]; o != nil && o.actors[j.id] == nil {
		w.wake(o, j)
	}
}

// WithinLimit, and nothing leaks: whatever is lost, delayed or doubled, whoever
// leads and whoever owns.
func TestDeskAndLeaderThroughNoise(t *testing.T) {
	hurt := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newDeskWorld(t)
		slack := rapid.IntRange(1, 4).Draw(t, "slack")
		for range rapid.IntRange(3, 25).Draw(t, "acts") {
			w.mischief()
			for range rapid.IntRange(0, 15).Draw(t, "rounds") {
				w.round(slack, 0.1)
			}
		}
		w.silence()
		w.hurt["calls"] = int(w.calls)
		if w.limits["a"].CallsPerSecond > 0 {
			w.hurt["rated"] = len(w.asked["a"])
		}
		for what, n := range w.hurt {
			hurt[what] += n
		}
	})
	t.Log(hurt)
	if testing.Short() {
		return
	}
	require.Positive(t, hurt["rated"], "a rate was in force")
	for _, what := range []string{"leader", "crash", "takeover", "lost", "doubled", "rebuilt", "swallowed", "fenced"} {
		require.Positive(t, hurt[what], "%s happened", what)
	}
}

// silence ends the noise: the books come right, everyone gets what it wants, and at
// the end nothing is held.
func (w *deskWorld) silence() {
	w.loss, w.calm = 0, true
	w.assign()
	for _, n := range w.nodes {
		w.realise(n)
	}
	for range 80 { // four seconds in which no call ends
		w.round(1, 0)
	}
	w.books()
	for range 4000 {
		w.round(1, 0.3)
		if w.atRest() {
			break
		}
	}
	for range 60 {
		w.round(1, 0)
	}
	require.True(w.t, w.atRest(), "everyone got what it wanted")
	stats := w.core.Stats("", w.now)
	require.True(w.t, stats.Ready)
	require.Empty(w.t, stats.Campaigns)
	require.Empty(w.t, w.core.Slots(scheduler.SlotQuery{}, w.now))
	for _, p := range stats.Providers {
		require.Zero(w.t, p.Held, p.Provider)
	}
	for _, n := range w.nodes {
		if n.book != nil {
			require.Empty(w.t, n.book.clients, n.name)
		}
	}
}

func (w *deskWorld) atRest() bool {
	for _, j := range w.jobs {
		if j.todo > 0 || len(j.flight) > 0 {
			return false
		}
	}
	for _, n := range w.nodes {
		if len(n.actors) > 0 {
			return false
		}
	}
	return true
}

// With nothing lost, every channel is in use whenever somebody could use it.
func TestDeskAndLeaderIdleNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newDeskWorld(t)
		w.loss, w.calm = 0, true
		w.dice = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "again"), 1))
		want := 0
		for _, j := range w.jobs {
			w.more(j, 50)
			want += j.limit
		}
		channels := 0
		for _, l := range w.limits {
			channels += l.Channels
		}
		// Long enough for a rate to let them all through, after a new leader's wait of a
		// second.
		for end := w.now.Add(4 * time.Second); w.now.Before(end); {
			w.round(1, 0)
		}
		up := 0
		for _, j := range w.jobs {
			up += len(j.flight)
		}
		require.Equal(t, min(channels, want), up)
	})
}

func tokenString(t uint64) string { return strconv.FormatUint(t, 10) }
