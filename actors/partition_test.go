package actors

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/clerk"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

// still is a runtime whose desk does not run: what is posted to it stays there.
func still(t *testing.T, s Store) *runtime {
	rt := &runtime{store: s, log: bustest.Logger(t), reads: make(chan struct{}, mostReads)}
	rt.desk = newDesk("n1", nil, nil, rt.log)
	t.Cleanup(rt.finish)
	return rt
}

// posted are the messages to the desk of one type.
func posted[M any](rt *runtime) (out []M) {
	for _, m := range rt.desk.box.take() {
		if m, ok := m.(M); ok {
			out = append(out, m)
		}
	}
	return out
}

// oneCampaign is a store with one campaign, which is read when the test lets it.
type oneCampaign struct {
	Store
	campaign campaign.Campaign
	reads    atomic.Int32
	leave    chan struct{} // one for each read; nil is leave for all
}

func (o *oneCampaign) Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error) {
	o.reads.Add(1)
	if o.leave != nil {
		select {
		case <-o.leave:
		case <-ctx.Done():
			return campaign.Campaign{}, ctx.Err()
		}
	}
	if id != o.campaign.ID {
		return campaign.Campaign{}, campaign.NotFound("There is no campaign %v.", id)
	}
	return o.campaign, nil
}

func (o *oneCampaign) Zones(context.Context, campaign.ID) ([]store.Zone, error) { return nil, nil }

func (o *oneCampaign) Open(context.Context, campaign.ID, campaign.CallID, int) ([]store.OpenCall, error) {
	return nil, nil
}

func paused(id campaign.ID) *oneCampaign {
	return &oneCampaign{campaign: campaign.Campaign{ID: id, Status: campaign.StatusPaused, Settings: settings(1)}}
}

// TestRetiringIsToldBeforeTheNext: else what a new actor of the campaign told the
// desk might be wiped out by the word that the old one has left.
func TestRetiringIsToldBeforeTheNext(t *testing.T) {
	rt := still(t, nil)
	p := newPartition(rt, 1, 1, nil, nil)
	defer p.abandon()
	a := newActor(rt, p, 7)
	p.actors[7] = a
	p.mu.Lock() // nobody can make an actor, or forget one
	var retiring sync.WaitGroup
	retiring.Go(func() { p.retire(a) })
	require.Eventually(t, func() bool { return len(posted[left](rt)) == 1 }, patience, time.Millisecond)
	require.Same(t, a, p.actors[7])
	p.mu.Unlock()
	retiring.Wait()
	require.Empty(t, p.actors)
}

// TestCommandBeforeStart: one that comes between the winning of a partition and
// its start wakes its campaign, and the partition is spoken for all the same.
func TestCommandBeforeStart(t *testing.T) {
	b := bustest.Start(t)
	rt := still(t, paused(7))
	rt.bus = b
	p := newPartition(rt, bus.PartitionOf(7), 3, []campaign.ID{7}, nil)
	require.True(t, p.hand(7, &bus.Request{Campaign: 7, Action: ActionRefresh}))
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.waking) == 0
	}, patience, time.Millisecond)
	require.NoError(t, p.start([]campaign.ID{7}))
	require.Contains(t, posted[awake](rt), awake{Partition: bus.PartitionOf(7), Epoch: 3})
	p.stop(t.Context())
}

// TestAwakeOnlyWhenAllAre: the desk may not speak for a partition before the tokens of
// all its campaigns are known, and not at all when it ends before that.
func TestAwakeOnlyWhenAllAre(t *testing.T) {
	for name, end := range map[string]func(*partition){
		"all awake": nil,
		"stopped":   func(p *partition) { p.stop(context.Background()) },
		"lost":      (*partition).abandon,
	} {
		t.Run(name, func(t *testing.T) {
			s := paused(7)
			s.leave = make(chan struct{})
			rt := still(t, s)
			rt.bus = bustest.Start(t)
			p := newPartition(rt, 1, 1, []campaign.ID{7, 8}, nil)
			require.NoError(t, p.start([]campaign.ID{7, 8}))
			s.leave <- struct{}{}
			require.Eventually(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.waking) == 1 }, patience, time.Millisecond)
			require.Empty(t, posted[awake](rt))
			if end != nil {
				end(p)
				require.Empty(t, posted[awake](rt))
				return
			}
			s.leave <- struct{}{} // one of them does not exist: nobody need wait for it
			require.Eventually(t, func() bool { return len(posted[awake](rt)) == 1 }, patience, time.Millisecond)
			p.stop(t.Context())
		})
	}
}

// TestDeskHearsOfAllCampaignsLost: also of those whose actors found out themselves.
func TestDeskHearsOfAllCampaignsLost(t *testing.T) {
	s := paused(7)
	s.leave = make(chan struct{})
	rt := still(t, s)
	told := 0
	p := newPartition(rt, 1, 1, nil, func(*partition) { told++ })
	p.actor(7)
	p.actor(8)
	p.lost()
	p.lost()
	p.run.Wait()
	require.Equal(t, 1, told)
	p.abandon()
	gones := posted[gone](rt)
	require.Len(t, gones, 1)
	require.ElementsMatch(t, []campaign.ID{7, 8}, gones[0].Campaigns)
	require.Nil(t, p.actor(9))
}

// receipt notes what became of a delivery.
type receipt struct{ acks, naks atomic.Int32 }

func (r *receipt) Ack() error              { r.acks.Add(1); return nil }
func (r *receipt) Nak(time.Duration) error { r.naks.Add(1); return nil }
func (r *receipt) InProgress() error       { return nil }

// TestReportsOfALostPartitionGoBack: so that its new owner gets them at once, those
// that come too late and those that nobody has taken in.
func TestReportsOfALostPartitionGoBack(t *testing.T) {
	s := paused(7)
	s.leave = make(chan struct{})
	rt := still(t, s)
	p := newPartition(rt, 1, 1, nil, func(*partition) {})
	waiting, late := &receipt{}, &receipt{}
	p.report(bus.ReportDelivery{Report: campaign.Report{Campaign: 7}, Receipt: waiting})
	p.lost()
	p.run.Wait()
	p.report(bus.ReportDelivery{Report: campaign.Report{Campaign: 7}, Receipt: late})
	p.abandon()
	for _, r := range []*receipt{waiting, late} {
		require.EqualValues(t, 1, r.naks.Load())
		require.Zero(t, r.acks.Load())
	}
}

// TestRefreshKeepsTheOrder: of two readings under way the older could come last, and
// bring back a limit that was lowered.
func TestRefreshKeepsTheOrder(t *testing.T) {
	s := paused(7)
	s.leave = make(chan struct{})
	rt := still(t, s)
	p := newPartition(rt, 1, 1, nil, nil)
	defer p.abandon()
	a := newActor(rt, p, 7)
	a.ctx = p.ctx
	for range 3 {
		a.clerk.Refresh()
	}
	s.leave <- struct{}{}
	<-a.box.signal
	require.EqualValues(t, 1, s.reads.Load(), "one at a time")
	for _, m := range a.box.take() {
		require.Equal(t, machine.Refreshed{Campaign: s.campaign, Zones: []machine.Zone{}}, *m.(clerk.Reread).Input)
		require.True(t, a.take(p.ctx, m))
	}
	s.leave <- struct{}{}
	<-a.box.signal
	require.EqualValues(t, 2, s.reads.Load(), "and one more for all that were asked for meanwhile")
}

// silent is a journal that answers when the test does.
type silent struct {
	done []func(map[campaign.ID]campaign.Stats, error)
}

func (s *silent) Submit(_ []store.Op, done func(map[campaign.ID]campaign.Stats, error)) {
	s.done = append(s.done, done)
}

// TestSettlePastKeepsTheOrder: what comes while an actor waits for its last commits
// stays in its order, and is not looked at again and again.
func TestSettlePastKeepsTheOrder(t *testing.T) {
	rt := still(t, nil)
	p := newPartition(rt, 1, 1, nil, nil)
	defer p.abandon()
	journal := &silent{}
	rt.journal = journal
	a := newActor(rt, p, 7)
	c := campaign.Campaign{ID: 7, Status: campaign.StatusInProgress}
	claimed := machine.Open{Call: campaign.Call{ID: 1, Claim: 1, Status: campaign.CallInProgress}}
	a.clerk.Wake(machine.Config{}, c, nil, []machine.Open{claimed}, time.Now())
	a.clerk.Take(clerk.Asked{Command: machine.Command{Verb: machine.Pause}, Request: &bus.Request{}})
	a.clerk.Turn(time.Now())
	require.Len(t, journal.done, 2)
	settled := make(chan bool)
	go func() { settled <- a.settlePast(p.ctx) }()
	for i := range 3 {
		a.box.post(granted{Tokens: []machine.Token{{ID: uint64(i)}}})
		require.Eventually(t, func() bool { return a.box.empty() && len(a.box.signal) == 0 }, patience, time.Millisecond)
	}
	journal.done[0](nil, nil)
	a.box.post(granted{Tokens: []machine.Token{{ID: 3}}})
	journal.done[1](nil, errSpoiled)
	require.True(t, <-settled)
	a.box.post(granted{Tokens: []machine.Token{{ID: 4}}})
	for i, m := range a.arrived() {
		require.EqualValues(t, i, m.(granted).Tokens[0].ID)
	}
	require.True(t, a.clerk.Settled())
	require.Empty(t, a.arrived())
}

// TestLateReadsAreNotBegun: a request may still come in while a node stops.
func TestLateReadsAreNotBegun(t *testing.T) {
	rt := still(t, paused(7))
	rt.finish()
	require.False(t, rt.read(t.Context(), func() { t.Error("nobody waits for this") }))
	rt.finish()
}
