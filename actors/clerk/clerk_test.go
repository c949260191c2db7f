package clerk

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/book"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
	"dialtone/store"
)

// diary is a world that writes down what is asked of it, and the receipts and requests
// that are in it.
type diary struct {
	told    []string
	commits []*Commit
}

func (d *diary) write(format string, args ...any) {
	d.told = append(d.told, fmt.Sprintf(format, args...))
}

func (d *diary) Submit(c *Commit) {
	d.write("commit %d", len(c.Ops))
	d.commits = append(d.commits, c)
}
func (d *diary) PublishJobs(jobs []campaign.Job, life int) {
	d.write("publish %s, life %d", jobs[0].Kind, life)
}
func (d *diary) PublishEvents(e []campaign.Event) { d.write("event %s", e[0].Type) }
func (d *diary) Load(l machine.Load, life int)    { d.write("load after %d, life %d", l.After, life) }
func (d *diary) Reread(life int)                  { d.write("reread, life %d", life) }
func (d *diary) Tell(m any)                       { d.write("tell %T", m) }
func (d *diary) Ack() error                       { d.write("acknowledge"); return nil }
func (d *diary) Nak(time.Duration) error          { d.write("give back"); return nil }
func (d *diary) InProgress() error                { return nil }
func (d *diary) Reply(any)                        { d.write("reply") }
func (d *diary) Fail(err error)                   { d.write("fail: %v", err) }

// since is what was written since it was last asked.
func (d *diary) since() []string {
	out := d.told
	d.told = nil
	return out
}

// answer answers the newest commit.
func (d *diary) answer(k *Clerk) bool {
	c := d.commits[len(d.commits)-1]
	c.Answered(7, map[campaign.ID]campaign.Stats{7: {Total: 1, InProgress: 1}}, nil)
	return k.Take(c)
}

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// awake is a clerk with one call that is up.
func awake(t *testing.T) (*Clerk, *diary) {
	d := &diary{}
	k := New(d, 7, store.Fence{Partition: 3, Epoch: 5}, slog.New(slog.DiscardHandler))
	up := machine.Open{
		Call:    campaign.Call{ID: 1, Claim: 1, Status: campaign.CallInProgress, Contact: campaign.Contact{Phone: "+1"}},
		Current: &campaign.Attempt{ID: campaign.NewAttemptID(1, 1), State: campaign.AttemptPlaced, StartedAt: nine},
	}
	c := campaign.Campaign{ID: 7, Status: campaign.StatusPaused, Stats: campaign.Stats{Total: 1, InProgress: 1}}
	require.Equal(t, Go, k.Wake(machine.Config{}, c, nil, []machine.Open{up}, nine))
	require.Equal(t, []string{"tell book.Holds", "tell *book.Wants"}, d.since())
	return k, d
}

func ended() campaign.Report {
	return campaign.Report{
		Kind: campaign.ReportEnded, Campaign: 7, Attempt: campaign.NewAttemptID(1, 1), Disposition: campaign.DispositionCompleted, At: nine,
	}
}

// A report is acknowledged, and its event told, when what it says is committed, and not
// before; the slot is free at once.
func TestAcknowledgesAfterTheCommit(t *testing.T) {
	k, d := awake(t)
	require.True(t, k.Take(bus.ReportDelivery{Report: ended(), Receipt: d}))
	require.Equal(t, Go, k.Turn(nine.Add(time.Second)))
	require.Equal(t, []string{"commit 1", "tell *book.Wants"}, d.since())
	require.False(t, k.Settled())
	require.Equal(t, store.Fence{Partition: 3, Epoch: 5}, d.commits[0].Ops[0].(*store.Finish).Fence)
	d.commits[0].Ops[0].(*store.Finish).Changed = true
	require.True(t, d.answer(k))
	require.True(t, k.Settled())
	k.Turn(nine.Add(2 * time.Second))
	require.Equal(t, []string{"acknowledge", "event call.ended"}, d.since()[:2])
}

// OneOwner: what a newer owner refused ends the clerk, and nothing is acknowledged.
func TestOneOwnerTakesNoMore(t *testing.T) {
	k, d := awake(t)
	k.Take(bus.ReportDelivery{Report: ended(), Receipt: d})
	k.Turn(nine.Add(time.Second))
	d.since()
	store.OutcomeOf(d.commits[0].Ops[0]).Err = store.ErrStaleEpoch
	require.False(t, d.answer(k))
	require.Empty(t, d.since())
}

// A commit of which nothing is known builds the machine anew: what was not acknowledged
// comes again, who waits for an answer is handed on, and answers to the old life are
// nothing to the new one.
func TestANewLife(t *testing.T) {
	k, d := awake(t)
	k.Take(bus.ReportDelivery{Report: ended(), Receipt: d})
	k.Take(Asked{Command: machine.Command{Verb: machine.Resume}, Request: d})
	k.Turn(nine.Add(time.Second))
	d.since()
	d.commits[0].Answered(7, nil, errors.New("spoiled"))
	require.True(t, k.Take(d.commits[0]))
	require.Equal(t, Rebuild, k.Turn(nine.Add(2*time.Second)))
	require.Empty(t, d.since(), "nothing is performed of a view that is not so")
	require.Equal(t, []Request{d}, k.LayDown())
	require.Equal(t, []string{"give back"}, d.since())
	k.Wake(machine.Config{}, k.Mind().Campaign(), nil, nil, nine.Add(3*time.Second))
	require.Equal(t, 2, k.Life())
	d.since()
	require.True(t, k.Take(News{Life: 1, Input: machine.Page{Last: true}}))
	require.True(t, k.Take(Reread{Life: 1, Input: &machine.Refreshed{}}))
	require.Empty(t, k.inputs)
}

// A clerk that has nothing to do retires, but not while an answer is awaited.
func TestRetires(t *testing.T) {
	k, d := awake(t)
	k.Take(bus.ReportDelivery{Report: ended(), Receipt: d})
	require.Equal(t, Go, k.Turn(nine.Add(time.Second)))
	d.answer(k)
	require.Equal(t, Retire, k.Turn(nine.Add(2*time.Second)))
}

// What is as it was need not be reckoned again.
func TestRefreshedTellsANewTableOnce(t *testing.T) {
	one, two := route.NewTable(nil), route.NewTable(nil)
	k := &Clerk{routed: one}
	var got []*route.Table
	for _, table := range []*route.Table{one, two, two, one, nil} {
		k.inputs = nil
		k.Take(Reread{0, &machine.Refreshed{Table: table}})
		got = append(got, k.inputs[0].(machine.Refreshed).Table)
	}
	require.Len(t, got, 5)
	for i, want := range []*route.Table{nil, two, nil, one, nil} {
		require.True(t, want == got[i], "refresh %d", i)
	}
}

// One read of the campaign is under way at a time, and one more follows for all that were
// asked for meanwhile.
func TestRefreshesOneAfterTheOther(t *testing.T) {
	k, d := awake(t)
	for range 3 {
		k.Refresh()
	}
	require.Equal(t, []string{"reread, life 1"}, d.since())
	k.Take(Reread{Life: 1})
	require.Equal(t, []string{"reread, life 1"}, d.since())
	k.Take(Reread{Life: 1})
	require.Empty(t, d.since())
	k.Take(book.Granted{})
	require.Len(t, k.inputs, 1)
}

// TestFailedCommitProvesNothing: none of its outcomes is valid.
func TestFailedCommitProvesNothing(t *testing.T) {
	stale := store.Claim{Outcome: store.Outcome{Err: store.ErrStaleEpoch}}
	c := &Commit{claims: []store.Claim{stale}}
	require.True(t, c.fenced())
	c.err = errors.New("spoiled")
	require.False(t, c.fenced())
	for name, c := range map[string]*Commit{
		"a record": {ops: []store.Op{&store.Claim{}, &stale}},
		"a status": {status: []store.SetStatus{{Outcome: store.Outcome{Err: store.ErrStaleEpoch}}}},
		"canceled": {end: &store.EndCalls{Outcome: store.Outcome{Err: store.ErrStaleEpoch}}},
	} {
		require.True(t, c.fenced(), name)
	}
	require.False(t, (&Commit{claims: []store.Claim{{Outcome: store.Outcome{Err: store.ErrState}}}}).fenced())
}
