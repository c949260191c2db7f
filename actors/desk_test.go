package actors

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/actors/book"
	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// deskBench is a desk of which what it sends is kept.
type deskBench struct {
	*desk
	mu   sync.Mutex
	sent []scheduler.Report
}

func newDeskBench() *deskBench {
	b := &deskBench{}
	b.desk = newDesk("n1", func(r scheduler.Report) error {
		r.Releases = slices.Clone(r.Releases) // the book goes on using it
		b.mu.Lock()
		defer b.mu.Unlock()
		b.sent = append(b.sent, r)
		return nil
	}, func(campaign.ID, granted) bool { return true }, slog.New(slog.DiscardHandler))
	return b
}

func at(seq uint64) scheduler.Mark { return scheduler.Mark{Term: 10, Seq: seq} }

func want(id campaign.ID, seen scheduler.Mark, fresh int) *wants {
	return &wants{Demand: scheduler.Demand{Campaign: id, Seen: seen, Fresh: fresh, Limit: 9, Weight: 1}}
}

func grants(mark scheduler.Mark, id campaign.ID, tokens ...uint64) *scheduler.Grants {
	return &scheduler.Grants{Mark: mark, Grants: []scheduler.Grant{{Campaign: id, Epoch: 1, Provider: "a", Tokens: tokens}}}
}

// reports is what the loop has sent so far.
func (b *deskBench) reports() []scheduler.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// run starts the desk's loop.
func (b *deskBench) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	b.desk.run.Go(func() { b.loop(ctx) })
	return b.desk.stop
}

func TestDeskFullEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newDeskBench()
		stop := b.run(t)
		time.Sleep(book.FullFirst*5 + 1)
		synctest.Wait()
		require.Len(t, b.reports(), 5, "often, until a leader has noticed")
		b.box.post(&scheduler.Grants{Mark: at(1)})
		synctest.Wait()
		require.Len(t, b.reports(), 6, "and at once when one has")
		time.Sleep(10 * book.FullEvery)
		synctest.Wait()
		sent := len(b.reports())
		require.InDelta(t, 6+10, sent, 1)
		stop()
		require.Len(t, b.reports(), sent+1, "a last word")
		for _, r := range b.reports() {
			require.NotNil(t, r.Full)
		}
	})
}

// What comes in while the desk is busy goes out as one report.
func TestDeskLoopGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newDeskBench()
		for i := range 100 {
			b.box.post(want(campaign.ID(2+i%5), scheduler.Mark{}, i))
		}
		defer b.run(t)()
		synctest.Wait()
		require.Len(t, b.reports(), 1)
		require.Len(t, b.reports()[0].Demands, 5)
		b.box.post(quieted{Partition: bus.PartitionOf(2)})
		synctest.Wait()
		sent := b.reports()
		require.Zero(t, sent[len(sent)-1].Demands[0].Fresh)
	})
}

// Over real NATS, until it is stopped.
func TestDeskHearsItsGrants(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	wire := bustest.Start(t)
	got, told := make(chan granted, 9), make(chan scheduler.Report, 999)
	d := newDesk("n.1", func(r scheduler.Report) error { return wire.Send(bus.SubjectDemand(), r) },
		func(_ campaign.ID, g granted) bool { got <- g; return true }, bustest.Logger(t))
	reports, err := bus.Subscribe(wire, bus.SubjectDemand(), func(r scheduler.Report) { told <- r })
	require.NoError(t, err)
	d.stop() // before it is started: nothing
	require.NoError(t, d.start(wire))
	d.box.post(awake{Partition: bus.PartitionOf(2), Epoch: 1})
	d.box.post(want(2, scheduler.Mark{}, 3))
	for r := range told { // it has taken in what we posted
		if len(r.Demands) == 1 {
			break
		}
	}
	require.NoError(t, wire.Send(bus.SubjectGrants("n.1"), grants(at(1), 2, 77)))
	require.Equal(t, granted{Mark: at(1), Tokens: []machine.Token{{ID: 77, Provider: "a"}}}, <-got)
	d.stop()
	d.stop()
	reports.Stop()
}
