package caller_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/caller"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
	"dialtone/store/sqlite"
)

// patience bounds every wait of a test; nothing should take nearly as long.
const patience = time.Minute

// stage is a caller between a real bus, a real store and a phone that is played.
type stage struct {
	t       *testing.T
	bus     *bus.Bus
	db      *sqlite.Store
	journal *store.Journal
	gate    *gate // between the caller and the journal
	phone   *phone
	cfg     caller.Config
	caller  *caller.Caller
	heard   chan campaign.Report
	hearing map[int]bool // partitions whose reports are taken in already
	numbers int
}

// newStage has what is not acknowledged come again so late that, however busy the machine is,
// only that does which was declined.
func newStage(t *testing.T, change ...func(*caller.Config)) *stage {
	return newStageOn(t, bustest.Start(t, bustest.WithAckWait(10*time.Second)), change...)
}

func newStageOn(t *testing.T, b *bus.Bus, change ...func(*caller.Config)) *stage {
	t.Helper()
	st := &stage{t: t, bus: b, phone: &phone{}, heard: make(chan campaign.Report, 1000), hearing: map[int]bool{}}
	var err error
	st.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "dialtone.db"))
	require.NoError(t, err)
	st.journal = store.NewJournal(st.db, store.JournalConfig{Logger: bustest.Logger(t)})
	require.NoError(t, st.journal.Start(t.Context()))
	t.Cleanup(func() {
		require.NoError(t, st.journal.Stop(context.Background()))
		require.NoError(t, st.db.Close())
	})
	st.gate = &gate{journal: st.journal}
	st.cfg = caller.Config{
		Bus: b, Journal: st.gate, Attempts: st.db, Provider: st.provider,
		CallbackURL: func() string { return "http://us" }, Workers: 4, Logger: bustest.Logger(t),
	}
	for _, c := range change {
		c(&st.cfg)
	}
	st.caller = caller.New(st.cfg)
	require.NoError(t, st.caller.Start(t.Context()))
	t.Cleanup(st.stop)
	return st
}

// provider finds the phone.
func (st *stage) provider(name string) provider.Provider {
	if name != "mock" {
		return nil
	}
	return st.phone
}

func (st *stage) stop() {
	st.phone.release()
	st.gate.open()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st.caller.Stop(ctx)
	require.NoError(st.t, ctx.Err(), "it came to rest")
}

// claimed is jobs for n new numbers of a new campaign that is in progress, as its
// owner publishes them.
func (st *stage) claimed(n int) (jobs []campaign.Job) {
	st.t.Helper()
	var contacts []campaign.Contact
	for range n {
		st.numbers++
		contacts = append(contacts, campaign.Contact{Phone: fmt.Sprintf("+1202555%04d", st.numbers), Variables: []byte(`{"n":1}`)})
	}
	return st.claimedTo(contacts...)
}

func (st *stage) claimedTo(contacts ...campaign.Contact) (jobs []campaign.Job) {
	st.t.Helper()
	c, err := st.db.CreateCampaign(st.t.Context(), campaign.Settings{Name: "spring", From: "+12025550100"}.WithDefaults(), contacts, store.Once{})
	require.NoError(st.t, err)
	st.listen(bus.PartitionOf(c.ID))
	st.move(c.ID, campaign.StatusPending, campaign.StatusInProgress)
	waiting, err := st.db.Queued(st.t.Context(), c.ID, campaign.AnyZone, 0, len(contacts))
	require.NoError(st.t, err)
	for _, w := range waiting {
		op := &store.Claim{Fence: st.fence(c.ID), Campaign: c.ID, Attempt: campaign.NewAttemptID(w.ID, 1)}
		st.write(op)
		jobs = append(jobs, campaign.Job{
			Kind: campaign.JobPlace, Campaign: c.ID, Attempt: op.Attempt, Number: 1, Provider: "mock",
			To: op.Phone, From: c.From, Variables: op.Variables, NotAfter: time.Now().Add(time.Minute).UTC(),
		})
	}
	return jobs
}

func (st *stage) fence(id campaign.ID) store.Fence {
	p := bus.PartitionOf(id)
	before, err := st.db.Epochs(st.t.Context())
	require.NoError(st.t, err)
	epochs, err := st.db.RaiseEpochs(st.t.Context(), "test", map[int]int64{p: before[p]})
	require.NoError(st.t, err)
	return store.Fence{Partition: p, Epoch: epochs[p]}
}

func (st *stage) write(op store.Op) {
	st.t.Helper()
	require.NoError(st.t, st.journal.Do(st.t.Context(), op))
	require.NoError(st.t, store.OutcomeOf(op).Err)
}

func (st *stage) move(id campaign.ID, from, to campaign.Status) {
	st.t.Helper()
	st.write(&store.SetStatus{Fence: st.fence(id), Campaign: id, From: []campaign.Status{from}, To: to, At: time.Now().UTC()})
}

// placing writes what a caller wrote that died afterwards.
func (st *stage) placing(j campaign.Job) {
	st.t.Helper()
	st.write(&store.Placing{Campaign: j.Campaign, Attempt: j.Attempt, Number: 1, Provider: "mock", Placer: 1, At: time.Now().UTC()})
}

// placed makes a provider's call known as the attempt's.
func (st *stage) placed(j campaign.Job, providerCallID string) {
	st.t.Helper()
	st.placing(j)
	st.write(&store.Placed{Fence: st.fence(j.Campaign), Campaign: j.Campaign, Attempt: j.Attempt, ProviderCallID: providerCallID})
}

// listen takes in what the owner of a partition would.
func (st *stage) listen(partition int) {
	if st.hearing[partition] {
		return
	}
	st.hearing[partition] = true
	c, err := st.bus.ConsumeReports(partition, func(d bus.ReportDelivery) {
		_ = d.Ack()
		st.heard <- d.Report
	})
	require.NoError(st.t, err)
	st.t.Cleanup(c.Stop)
}

func (st *stage) publish(jobs ...campaign.Job) {
	st.t.Helper()
	done := make(chan error, 1)
	st.bus.PublishJobs(jobs, func(err error) { done <- err })
	require.NoError(st.t, within(st.t, done, "the publishing of jobs"))
}

// report is the next report, which is about the job.
func (st *stage) report(j campaign.Job) campaign.Report {
	st.t.Helper()
	r := within(st.t, st.heard, "a report")
	require.Equal(st.t, j.Attempt, r.Attempt)
	require.Equal(st.t, j.Campaign, r.Campaign)
	require.False(st.t, r.At.IsZero())
	return r
}

// reports are the next n, by attempt.
func (st *stage) reports(n int) map[campaign.AttemptID]campaign.Report {
	st.t.Helper()
	out := map[campaign.AttemptID]campaign.Report{}
	for len(out) < n {
		r := within(st.t, st.heard, "a report")
		out[r.Attempt] = r
	}
	return out
}

// acknowledged waits until no job is left in the queue.
func (st *stage) acknowledged() {
	st.t.Helper()
	eventually(st.t, "the jobs were acknowledged", func() bool { return waitingJobs(st.t, st.bus) == 0 })
}

// waitingJobs asks JetStream itself, which answers anybody.
func waitingJobs(t testing.TB, b *bus.Bus) int {
	t.Helper()
	var info struct {
		State struct {
			Messages int `json:"messages"`
		} `json:"state"`
	}
	require.NoError(t, b.Ask(t.Context(), "$JS.API.STREAM.INFO.DIAL", nil, &info))
	return info.State.Messages
}

func (st *stage) quiet(d time.Duration) {
	st.t.Helper()
	select {
	case r := <-st.heard:
		require.FailNow(st.t, "an unexpected report", "%+v", r)
	case <-time.After(d):
	}
}

func within[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, "waited in vain for "+what)
	}
	return v
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, patience, 10*time.Millisecond, what)
}

// gate is a journal that can be made to hold, or to fail, what is submitted.
type gate struct {
	journal *store.Journal
	mu      sync.Mutex
	shut    bool
	held    []func()
	fault   error
	failed  int
}

func (g *gate) Submit(ops []store.Op, done func(map[campaign.ID]campaign.Stats, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.fault != nil:
		g.failed++
		go done(nil, g.fault)
	case g.shut:
		g.held = append(g.held, func() { g.journal.Submit(ops, done) })
	default:
		g.journal.Submit(ops, done)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, submit := range g.held {
		submit()
	}
	g.shut, g.held = false, nil
}

func (g *gate) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = err
}

func (g *gate) counts() (held, failed int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.held), g.failed
}

// phone is a provider that does as it is told, and remembers what it was asked.
type phone struct {
	mu     sync.Mutex
	dialed []provider.Request
	since  time.Time // of the last Find
	from   string    // of the last Find
	hung   []string  // up, by id
	begun  chan struct{}
	hang   chan struct{}
	place  func(provider.Request) (provider.Placement, error)
	fetch  func(id string) (provider.Call, error)
	find   func() ([]provider.Call, error)
	hangUp func(id string) error
}

func (p *phone) Name() string { return "mock" }

func (p *phone) Place(ctx context.Context, r provider.Request) (provider.Placement, error) {
	p.mu.Lock()
	p.dialed = append(p.dialed, r)
	place, hang := p.place, p.hang
	n := len(p.dialed)
	p.mu.Unlock()
	if hang != nil {
		p.begun <- struct{}{}
		select {
		case <-hang:
		case <-ctx.Done():
			return provider.Placement{}, &provider.PlaceError{Fault: provider.Ambiguous, Detail: "timed out", Err: ctx.Err()}
		}
	}
	if place != nil {
		return place(r)
	}
	return provider.Placement{ProviderCallID: fmt.Sprintf("CA%d", n)}, nil
}

// stall makes every request wait for release.
func (p *phone) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hang, p.begun = make(chan struct{}), make(chan struct{}, 1000)
}

func (p *phone) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hang != nil {
		close(p.hang)
		p.hang = nil
	}
}

func (p *phone) answer(place func(provider.Request) (provider.Placement, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place = place
}

// dials counts the requests to place a call to each number.
func (p *phone) dials() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int{}
	for _, r := range p.dialed {
		out[r.To]++
	}
	return out
}

func (p *phone) Fetch(_ context.Context, id string) (provider.Call, error) { return p.fetch(id) }

func (p *phone) Find(_ context.Context, _, from string, since time.Time) ([]provider.Call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.from = since, from
	return p.find()
}

var errUnused = errors.New("the caller has no use for it")

func (p *phone) HangUp(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung = append(p.hung, id)
	return p.hangUp(id)
}

func (p *phone) ParseCallback(*http.Request, string, url.Values) (provider.Call, error) {
	return provider.Call{}, errUnused
}
