package book

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// bench is a desk without its loop: what it sends and delivers is kept.
type bench struct {
	*Book
	t         *testing.T
	sent      []scheduler.Report
	delivered map[campaign.ID][]Granted
	deaf      bool // no campaign has an actor
	down      bool // nothing can be sent
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, delivered: map[campaign.ID][]Granted{}}
	b.Book = New("n1", func(r scheduler.Report) error {
		r.Releases = slices.Clone(r.Releases) // the desk goes on using it
		b.sent = append(b.sent, r)
		if b.down {
			return errors.New("no connection")
		}
		return nil
	}, func(id campaign.ID, g Granted) bool {
		if !b.deaf {
			b.delivered[id] = append(b.delivered[id], g)
		}
		return !b.deaf
	}, slog.New(slog.DiscardHandler))
	return b
}

// turn takes messages in and returns the report about them, or nil.
func (b *bench) turn(messages ...any) *scheduler.Report {
	b.sent = nil
	for _, m := range messages {
		b.Take(m)
	}
	b.Report()
	if len(b.sent) == 0 {
		return nil
	}
	for _, r := range b.sent[1:] {
		require.Equal(b.t, scheduler.Report{Node: r.Node, Progress: r.Progress}, r, "more than one report tells of tokens only")
	}
	return &b.sent[0]
}

// open makes campaign 2 awake, and the desk quiet.
func (b *bench) open() {
	b.turn(Awake{bus.PartitionOf(2), 1}, Holds{Campaign: 2}, want(2, scheduler.Mark{}, 9))
	b.turn(&scheduler.Grants{Mark: at(1)})
}

func at(seq uint64) scheduler.Mark { return scheduler.Mark{Term: 10, Seq: seq} }

func want(id campaign.ID, seen scheduler.Mark, fresh int, back ...machine.Release) *Wants {
	return &Wants{Demand: scheduler.Demand{Campaign: id, Seen: seen, Fresh: fresh, Limit: 9, Weight: 1}, Releases: back}
}

func grants(mark scheduler.Mark, id campaign.ID, tokens ...uint64) *scheduler.Grants {
	return &scheduler.Grants{Mark: mark, Grants: []scheduler.Grant{{Campaign: id, Epoch: 1, Provider: "a", Tokens: tokens}}}
}

func back(token uint64, held time.Duration) machine.Release {
	return machine.Release{Token: machine.Token{ID: token}, Held: held}
}

// holdings is what a Full says that campaigns hold, sorted.
func holdings(r *scheduler.Report) map[campaign.ID][]uint64 {
	out := map[campaign.ID][]uint64{}
	for _, h := range r.Full.Holdings {
		out[h.Campaign] = append(out[h.Campaign], slices.Concat(h.Granted, h.Placing, h.Ambiguous, h.Placed)...)
		slices.Sort(out[h.Campaign])
	}
	return out
}

func TestBookGathersWhatChanged(t *testing.T) {
	b := newBench(t)
	b.open()
	r := b.turn(want(2, at(1), 8), want(3, scheduler.Mark{}, 4), want(2, at(1), 7, back(5, time.Second)), want(2, at(1), 6, back(6, 0)))
	require.ElementsMatch(t, []scheduler.Demand{want(2, at(1), 6).Demand, want(3, scheduler.Mark{}, 4).Demand}, r.Demands)
	require.Equal(t, []scheduler.Release{{Token: 5, Campaign: 2, Held: time.Second}, {Token: 6, Campaign: 2}}, r.Releases)
	require.Nil(t, r.Full)
	require.Nil(t, b.turn(want(2, at(1), 6)), "the same again is no news")
	require.Nil(t, b.turn())
}

func TestBookFullTellsAll(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(Awake{7, 3}, Holds{Campaign: 3, Tokens: []machine.Progress{{Token: machine.Token{ID: 1 << 63, Provider: "b"}, Evidence: campaign.EvidencePlaced}}}, want(3, scheduler.Mark{}, 1))
	b.turn(grants(at(2), 2, 21, 22))
	b.tellAll = true
	r := b.turn()
	require.Equal(t, at(2), r.Full.Seen)
	require.ElementsMatch(t, []scheduler.Partition{{Number: bus.PartitionOf(2), Epoch: 1}, {Number: 7, Epoch: 3}}, r.Full.Partitions)
	require.Equal(t, map[campaign.ID][]uint64{2: {21, 22}, 3: {1 << 63}}, holdings(r))
	require.Len(t, r.Demands, 2)
	b.tellAll = true
	r = b.turn(want(2, at(2), 1), Gone{7, []campaign.ID{3}})
	require.Equal(t, []scheduler.Demand{want(2, at(2), 1).Demand}, r.Demands, "each demand once")
	require.Equal(t, map[campaign.ID][]uint64{2: {21, 22}}, holdings(r))
	require.Len(t, r.Full.Partitions, 1)
}

// What the leader should not wait a second for.
func TestBookTellsAllAtOnce(t *testing.T) {
	b := newBench(t)
	b.open()
	for name, m := range map[string]any{"a partition came": Awake{9, 4}, "one went": Gone{Partition: 9}, "a new leader": &scheduler.Grants{Mark: scheduler.Mark{Term: 11, Seq: 1}}} {
		r := b.turn(m)
		require.NotNil(t, r, name)
		require.NotNil(t, r.Full, name)
	}
	require.Nil(t, b.turn(Awake{bus.PartitionOf(2), 1}), "that was known")
}

func TestBookDropsOlderGrants(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(grants(at(5), 2, 50))
	for _, m := range []scheduler.Mark{at(5), at(4), {Term: 9, Seq: 99}} {
		require.Nil(t, b.turn(grants(m, 2, 51)), "%v", m)
	}
	require.Len(t, b.delivered[2], 1)
	require.NotNil(t, b.turn(grants(scheduler.Mark{Term: 11, Seq: 1}, 2, 52)))
	require.Len(t, b.delivered[2], 2)
}

// An actor that has seen a message's mark has seen all that it brought.
func TestBookDeliversAMessageAtOnce(t *testing.T) {
	b := newBench(t)
	b.open()
	g := grants(at(2), 2, 1)
	g.Grants = append(g.Grants, scheduler.Grant{Campaign: 2, Epoch: 1, Provider: "b", Tokens: []uint64{2}}, grants(at(2), 2, 3).Grants[0])
	b.turn(g)
	require.Equal(t, []Granted{{at(2), []machine.Token{{ID: 1, Provider: "a"}, {ID: 2, Provider: "b"}, {ID: 3, Provider: "a"}}}}, b.delivered[2])
}

func TestBookReturnsWhatNobodyCanUse(t *testing.T) {
	unused := func(id campaign.ID) []scheduler.Release {
		return []scheduler.Release{{Token: 1, Campaign: id, Unsent: true}, {Token: 2, Campaign: id, Unsent: true}}
	}
	cases := map[string]struct {
		before func(*bench)
		id     campaign.ID
		epoch  int64
	}{
		"no such campaign":       {func(b *bench) { b.turn(Awake{bus.PartitionOf(3), 1}) }, 3, 1},
		"no actor":               {func(b *bench) { b.deaf = true }, 2, 1},
		"another epoch":          {func(b *bench) {}, 2, 2},
		"not our partition":      {func(b *bench) { b.turn(Gone{Partition: bus.PartitionOf(2)}) }, 2, 1},
		"the campaign has gone":  {func(b *bench) { b.Take(Left{2}) }, 2, 1},
		"it is being given away": {func(b *bench) { b.turn(Quieted{bus.PartitionOf(2)}) }, 2, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.open()
			c.before(b)
			g := grants(at(2), c.id, 1, 2)
			g.Grants[0].Epoch = c.epoch
			r := b.turn(g)
			require.Equal(t, unused(c.id), r.Releases)
			require.Empty(t, b.delivered)
			b.tellAll = true
			require.Empty(t, holdings(b.turn()))
		})
	}
}

// A partition that is being given to another node asks for nothing; the others go on, and
// when it is back, so does it.
func TestBookAsksNothingForWhatIsGiven(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(Awake{bus.PartitionOf(3), 1}, grants(at(2), 2, 20), want(3, scheduler.Mark{}, 5))
	r := b.turn(Quieted{bus.PartitionOf(2)})
	require.Len(t, r.Demands, 1)
	require.EqualValues(t, 2, r.Demands[0].Campaign)
	r2 := b.turn(want(2, at(2), 7, back(20, time.Minute)), want(3, at(2), 7))
	require.Zero(t, r.Demands[0].Fresh+r.Demands[0].Retries)
	require.Equal(t, []scheduler.Release{{Token: 20, Campaign: 2, Held: time.Minute}}, r2.Releases, "what was held still comes back")
	for _, d := range r2.Demands {
		require.Equal(t, d.Campaign == 3, d.Fresh > 0, "%v", d.Campaign)
	}
	b.turn(Gone{bus.PartitionOf(2), []campaign.ID{2}}, Awake{bus.PartitionOf(2), 2})
	require.NotZero(t, b.turn(want(2, at(2), 7)).Demands[0].Fresh)
}

func TestBookForgetsWhoLeft(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(grants(at(2), 2, 20)) // it never took it in
	b.tellAll = true             // in the same report
	r := b.turn(Left{2})
	require.Empty(t, r.Full.Holdings)
	require.Equal(t, []scheduler.Demand{{Campaign: 2, Seen: at(2), Gone: true}}, r.Demands)
	require.Equal(t, []scheduler.Release{{Token: 20, Campaign: 2, Unsent: true}}, r.Releases)
	b.tellAll = true
	r = b.turn()
	require.Empty(t, r.Demands)
	require.Empty(t, r.Full.Holdings)
}

// A campaign that left and came again before the desk took its turn has not gone,
// and what it found in flight is on the books.
func TestBookLeftAndCameAgain(t *testing.T) {
	b := newBench(t)
	b.open()
	r := b.turn(Left{2}, Holds{Campaign: 2, Tokens: []machine.Progress{{Token: machine.Token{ID: 8, Provider: "a"}, Evidence: campaign.EvidencePlaced}}})
	require.Len(t, r.Demands, 1)
	require.False(t, r.Demands[0].Gone)
	b.turn(grants(at(2), 2, 20))
	b.tellAll = true
	require.Equal(t, map[campaign.ID][]uint64{2: {8, 20}}, holdings(b.turn(want(2, scheduler.Mark{}, 3))))
}

// WithinLimit: a token that was delivered to an actor whose machine is being built
// anew waits in the mailbox and will be spent; it stays on the books.  One that the
// machine before had taken in, and not answered, goes back.
func TestBookKeepsWhatARebuiltMachineWillSpend(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(grants(at(2), 2, 20), want(2, at(2), 8))
	b.turn(grants(at(3), 2, 30))
	b.turn(grants(at(4), 2, 40))
	b.turn(Holds{Campaign: 2, Tokens: []machine.Progress{{Token: machine.Token{ID: 1 << 63, Provider: "a"}, Evidence: campaign.EvidencePlaced}}})
	b.tellAll = true
	require.Equal(t, map[campaign.ID][]uint64{2: {30, 40, 1 << 63}}, holdings(b.turn()), "20 has become the attempt")

	r := b.turn(want(2, at(3), 8)) // the old machine had got as far as 3
	require.Equal(t, []scheduler.Release{{Token: 30, Campaign: 2, Unsent: true}}, r.Releases)
	b.tellAll = true
	require.Equal(t, map[campaign.ID][]uint64{2: {40, 1 << 63}}, holdings(b.turn()))
	require.Empty(t, b.turn(want(2, at(4), 7)).Releases, "40 was spent")
	b.tellAll = true
	require.Equal(t, map[campaign.ID][]uint64{2: {40, 1 << 63}}, holdings(b.turn()))
}

// What could not be sent is not sent again: the next Full makes up for it.
func TestBookLostReport(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(grants(at(2), 2, 20))
	b.down = true
	require.NotNil(t, b.turn(want(2, at(2), 3, back(20, time.Second))))
	b.down = false
	require.Nil(t, b.turn())
	b.tellAll = true
	r := b.turn()
	require.Empty(t, r.Full.Holdings)
	require.Equal(t, 3, r.Demands[0].Fresh)
}

func known(token uint64, e campaign.Evidence) machine.Progress {
	return machine.Progress{
		Token: machine.Token{ID: token}, Evidence: e, Attempt: campaign.NewAttemptID(7, 1), To: "+12125550147", Since: time.Unix(1e9, 0).UTC(),
	}
}

// What becomes known of a token is told once; a Full sorts the tokens by it; and a new
// leader is told all of it again, with the time since when.
func TestBookTellsWhatIsKnownOfTokens(t *testing.T) {
	b := newBench(t)
	b.open()
	b.turn(grants(at(2), 2, 1, 2, 3))
	w := want(2, at(2), 6)
	w.Progress = []machine.Progress{known(1, campaign.EvidencePlacing), known(1, campaign.EvidencePlaced), known(2, campaign.EvidencePlacing), known(9, campaign.EvidencePlaced)}
	told := func(token uint64, e campaign.Evidence) scheduler.Progress {
		return scheduler.Progress{Token: token, Evidence: e, Attempt: campaign.NewAttemptID(7, 1), To: "+12125550147"}
	}
	require.Equal(t, []scheduler.Progress{told(1, campaign.EvidencePlacing), told(1, campaign.EvidencePlaced), told(2, campaign.EvidencePlacing)}, b.turn(w).Progress)
	again := want(2, at(2), 5)
	again.Progress = []machine.Progress{known(2, campaign.EvidencePlacing)}
	require.Empty(t, b.turn(again).Progress)

	for _, asks := range []*scheduler.Grants{{Mark: at(3), Retell: true}, {Mark: scheduler.Mark{Term: 11, Seq: 1}}} {
		if asks.Retell {
			b.tellAll = true // its time has come
		}
		full := b.turn(asks).Full
		require.Equal(t, []scheduler.Holding{{Campaign: 2, Provider: "a", Granted: []uint64{3}, Placing: []uint64{2}, Placed: []uint64{1}}}, full.Holdings)
		require.Len(t, b.sent, 2)
		one, two := told(1, campaign.EvidencePlaced), told(2, campaign.EvidencePlacing)
		one.Since, two.Since = time.Unix(1e9, 0).UTC(), time.Unix(1e9, 0).UTC()
		require.ElementsMatch(t, []scheduler.Progress{one, two}, b.sent[1].Progress)
	}
}

// What fills more than a message is told in several.
func TestBookTellsInPieces(t *testing.T) {
	b := newBench(t)
	b.open()
	tokens := make([]uint64, 2*tokensTold+1)
	w := want(2, at(2), 6)
	for i := range tokens {
		tokens[i] = uint64(i + 1)
		w.Progress = append(w.Progress, known(tokens[i], campaign.EvidencePlacing))
	}
	b.turn(grants(at(2), 2, tokens...))
	b.sent = nil
	b.Take(w)
	b.Report()
	require.Len(t, b.sent, 3)
	all := map[uint64]bool{}
	for _, r := range b.sent {
		require.LessOrEqual(t, len(r.Progress), tokensTold)
		for _, p := range r.Progress {
			all[p.Token] = true
		}
	}
	require.Len(t, all, len(tokens))
}
