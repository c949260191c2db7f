package actors

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/provider"
	"dialtone/store"
	"dialtone/store/sqlite"
)

// patience bounds every wait of a test; nothing should take nearly as long.
const patience = time.Minute

// rig is nodes over a real server, store and journal, with a real scheduler and
// callers that are played.
type rig struct {
	t       *testing.T
	server  *bustest.Server
	bus     *bus.Bus // of whoever is no node
	db      *sqlite.Store
	journal *store.Journal
	line    *line
	leader  *scheduler.Candidate
	numbers int
	options []bustest.Option
}

// channels is what the provider takes, of all campaigns together.
const channels = 40

// newRig lets leases live for so long that no machine is too busy to renew them, unless the
// options say otherwise.
func newRig(t *testing.T, options ...bustest.Option) *rig {
	t.Helper()
	options = slices.Concat([]bustest.Option{bustest.WithLeaseTTL(10 * time.Second)}, options)
	r := &rig{t: t, server: bustest.StartServer(t), options: options}
	r.bus = r.server.Connect(t, options...)
	var err error
	r.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "dialtone.db"))
	require.NoError(t, err)
	r.journal = store.NewJournal(r.db, store.JournalConfig{Logger: bustest.Logger(t)})
	require.NoError(t, r.journal.Start(t.Context()))
	t.Cleanup(func() {
		require.NoError(t, r.journal.Stop(context.Background()))
		require.NoError(t, r.db.Close())
	})
	r.line = newLine(r)
	r.leader = r.candidate("leader", r.bus)
	return r
}

// candidate stands for leader of the scheduler.
func (r *rig) candidate(name string, b *bus.Bus) *scheduler.Candidate {
	r.t.Helper()
	c := scheduler.NewCandidate(scheduler.Config{
		Node: name, Bus: b, Settings: r.db, Logger: bustest.Logger(r.t),
		Limits: map[string]provider.Limits{"mock": {Channels: channels}},
	})
	require.NoError(r.t, c.Start(r.t.Context()))
	r.t.Cleanup(c.Stop)
	return c
}

// impatient is a machine's Config for tests: what is lost is noticed soon.
var impatient = machine.Config{
	PageSize: 20, JobPatience: time.Second, PlacingPatience: time.Second, CallPatience: time.Second,
	SettlePatience: 500 * time.Millisecond, ConfirmAfter: 500 * time.Millisecond, StopPatience: time.Second, RefreshEvery: 500 * time.Millisecond,
}

// node starts a node with a connection of its own, whose store and journal can
// fail.
func (r *rig) node(name string, change ...func(*Config)) *trial {
	r.t.Helper()
	n := r.idle(name, change...)
	require.NoError(r.t, n.Start(r.t.Context()))
	return n
}

// idle makes a node and does not start it.
func (r *rig) idle(name string, change ...func(*Config)) *trial {
	r.t.Helper()
	n := &trial{store: &flaky{Store: r.db}, journal: &gate{journal: r.journal}}
	n.bus = r.server.Connect(r.t, slices.Concat(r.options, []bustest.Option{bustest.WithName(name)})...)
	cfg := Config{Name: name, Bus: n.bus, Store: n.store, Journal: n.journal, Machine: impatient, Logger: bustest.Logger(r.t)}
	for _, c := range change {
		c(&cfg)
	}
	n.Node = NewNode(cfg)
	r.t.Cleanup(func() {
		n.journal.open()
		n.store.mend()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		n.Stop(ctx)
		require.NoError(r.t, ctx.Err(), "%s came to rest", name)
	})
	return n
}

// shared waits until the nodes own everything, within one of even.
func (r *rig) shared(nodes ...*trial) {
	r.t.Helper()
	r.eventually("the partitions are shared", func() bool {
		sum, least, most := 0, bus.Partitions, 0
		for _, n := range nodes {
			has := n.Owned()
			sum, least, most = sum+has, min(least, has), max(most, has)
		}
		return sum == bus.Partitions && most-least <= 1
	})
}

// trial is a node on a rig.
type trial struct {
	*Node
	bus     *bus.Bus
	store   *flaky
	journal *gate
}

// actor is a campaign's, or nil.
func (n *trial) actor(id campaign.ID) *actor {
	p := n.partition(bus.PartitionOf(id))
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.actors[id]
}

// freeze ends all care for the leases, as a process that stands still does; its
// actors go on when it wakes up.
func (n *trial) freeze() {
	n.cancel()
	n.deciding.Wait()
	n.keeping.Wait()
}

// kill ends everything where it stands; nothing is handed over.
func (n *trial) kill() {
	n.freeze()
	_ = n.service.Stop()
	for _, p := range n.owned() {
		p.abandon()
	}
	n.rt.finish()
	n.rt.desk.stop()
	n.started = false
}

// settings are those of a campaign that retries at once.
func settings(limit int) campaign.Settings {
	s := campaign.Settings{Name: "spring", From: "+12025550100", MaxConcurrentCalls: limit}
	s.Retry = campaign.RetryPolicy{MaxAttempts: 3, Delay: campaign.Duration(20 * time.Millisecond)}
	return s.WithDefaults()
}

func (r *rig) contacts(n int) (out []campaign.Contact) {
	for range n {
		r.numbers++
		out = append(out, campaign.Contact{Phone: fmt.Sprintf("+1202556%04d", r.numbers)})
	}
	return out
}

// create makes a campaign with n numbers.
func (r *rig) create(n, limit int) campaign.ID {
	r.t.Helper()
	c, err := r.db.CreateCampaign(r.t.Context(), settings(limit), r.contacts(n), store.Once{})
	require.NoError(r.t, err)
	return c.ID
}

// begin makes a campaign and starts it.
func (r *rig) begin(n, limit int) campaign.ID {
	r.t.Helper()
	id := r.create(n, limit)
	r.command(id, ActionStart)
	return id
}

// command asks the owner and must be obeyed.
func (r *rig) command(id campaign.ID, action string) (s State) {
	r.t.Helper()
	s, err := r.ask(id, action)
	require.NoError(r.t, err, "%s %v", action, id)
	return s
}

func (r *rig) ask(id campaign.ID, action string) (s State, err error) {
	return r.say(id, action, nil)
}

// say asks the owner with a body.
func (r *rig) say(id campaign.ID, action string, body any) (s State, err error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	err = r.bus.Command(ctx, id, action, body, &s)
	return s, err
}

func (r *rig) campaign(id campaign.ID) campaign.Campaign {
	r.t.Helper()
	c, err := r.db.Campaign(r.t.Context(), id)
	require.NoError(r.t, err)
	return c
}

// finished waits for the end of a campaign and judges it: NothingLost, NeverTwice,
// WithinLimit.
func (r *rig) finished(id campaign.ID, want campaign.Status) campaign.Campaign {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%v comes to its end", id), func() bool { return r.campaign(id).Status.Ended() })
	c := r.campaign(id)
	require.Equal(r.t, want, c.Status)
	require.True(r.t, c.Stats.AddsUp())
	require.Zero(r.t, c.Stats.Open(), "%+v", c.Stats)
	calls, err := r.db.ListCalls(r.t.Context(), store.CallQuery{Campaign: id, Limit: 10_000})
	require.NoError(r.t, err)
	require.Len(r.t, calls, c.Stats.Total)
	for _, call := range calls {
		require.True(r.t, call.Status.Terminal(), "%+v", call)
		for _, a := range call.History {
			require.Equal(r.t, campaign.AttemptEnded, a.State)
		}
		require.Len(r.t, call.History, r.line.dials(call.Phone), "every dial of %s is on record, and no other", call.Phone)
	}
	r.line.judge()
	return c
}

func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	require.Eventually(r.t, f, patience, 5*time.Millisecond, what)
}

// messages is how many a stream holds; JetStream itself answers that.
func (r *rig) messages(stream string) int {
	r.t.Helper()
	var info struct {
		State struct {
			Messages int `json:"messages"`
		} `json:"state"`
	}
	require.NoError(r.t, r.bus.Ask(r.t.Context(), "$JS.API.STREAM.INFO."+stream, nil, &info))
	return info.State.Messages
}
