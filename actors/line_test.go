package actors

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/store"
)

// line is callers and a provider in one: it takes jobs, writes placing, dials, and
// tells what came of it.  It keeps a ledger of every dial.
type line struct {
	r      *rig
	ctx    context.Context
	cancel context.CancelFunc
	run    conc.WaitGroup

	mu     sync.Mutex
	script func(to string, dial int) campaign.Disposition // dial counts from 1
	talk   time.Duration
	held   chan struct{} // calls that are up stay so until it is closed
	ledger map[campaign.AttemptID]*dialed
	byTo   map[string]int
	up     map[campaign.ID]int
	peak   map[campaign.ID]int
	limit  map[campaign.ID]int // the highest that it ever was
	faults []string            // against what must always be true
	deaf   bool                // hang-ups are lost
	lost   int                 // of them
}

// dialed is a call as the provider has it.
type dialed struct {
	report campaign.Report // of its end
	ended  bool
	hungUp chan struct{} // closed by who hangs up
	once   sync.Once
}

func newLine(r *rig) *line {
	l := &line{
		r: r, script: func(string, int) campaign.Disposition { return campaign.DispositionCompleted },
		ledger: map[campaign.AttemptID]*dialed{}, byTo: map[string]int{},
		up: map[campaign.ID]int{}, peak: map[campaign.ID]int{}, limit: map[campaign.ID]int{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	jobs, err := r.bus.ConsumeJobs(500, func(d bus.JobDelivery) { l.run.Go(func() { l.take(d) }) })
	require.NoError(r.t, err)
	r.t.Cleanup(func() {
		jobs.Stop()
		l.cancel()
		l.run.Wait()
	})
	return l
}

func (l *line) take(d bus.JobDelivery) {
	j := d.Job
	switch j.Kind {
	case campaign.JobSettle:
		l.settle(j)
	case campaign.JobHangUp:
		l.end(j)
	default:
		l.place(j)
	}
	_ = d.Ack()
}

func (l *line) place(j campaign.Job) {
	op := &store.Placing{
		Campaign: j.Campaign, Attempt: j.Attempt, Number: j.Number, Provider: j.Provider,
		Placer: time.Now().UnixNano(), At: time.Now().UTC(),
	}
	if l.r.journal.Do(l.ctx, op) != nil {
		return
	}
	switch op.Err {
	case nil:
		l.dial(j)
	case store.ErrTaken:
		l.tell(campaign.Report{Kind: campaign.ReportTaken}, j)
	case store.ErrNotRunning:
		l.tell(campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackStopped}, j)
	}
}

// dial enters the call in the ledger, and has it end later.
func (l *line) dial(j campaign.Job) {
	l.mu.Lock()
	call := &dialed{hungUp: make(chan struct{})}
	if l.ledger[j.Attempt] != nil {
		l.faults = append(l.faults, fmt.Sprintf("NeverTwice: attempt %v to %s", j.Attempt, j.To))
	}
	l.ledger[j.Attempt] = call
	l.byTo[j.To]++
	call.report = campaign.Report{Kind: campaign.ReportEnded, Disposition: l.script(j.To, l.byTo[j.To]), ProviderCallID: "CA" + j.Attempt.String(), Duration: l.talk}
	l.up[j.Campaign]++
	l.peak[j.Campaign] = max(l.peak[j.Campaign], l.up[j.Campaign])
	if most := l.limit[j.Campaign]; most > 0 && l.up[j.Campaign] > most {
		l.faults = append(l.faults, fmt.Sprintf("WithinLimit: %d calls of %v", l.up[j.Campaign], j.Campaign))
	}
	talk, held := l.talk, l.held
	l.mu.Unlock()

	l.tell(campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA" + j.Attempt.String()}, j)
	l.run.Go(func() {
		select {
		case <-time.After(talk):
		case <-call.hungUp:
		case <-l.ctx.Done():
		}
		if held != nil {
			select {
			case <-held:
			case <-call.hungUp:
			case <-l.ctx.Done():
			}
		}
		l.mu.Lock()
		call.ended = true
		l.up[j.Campaign]--
		l.mu.Unlock()
		l.tell(call.report, j)
	})
}

// end hangs a call up.
func (l *line) end(j campaign.Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf {
		l.lost++
		return
	}
	if call := l.ledger[j.Attempt]; call != nil {
		call.once.Do(func() { close(call.hungUp) })
	}
}

// settle tells what the ledger says.
func (l *line) settle(j campaign.Job) {
	l.mu.Lock()
	call := l.ledger[j.Attempt]
	known, ended := call != nil, call != nil && call.ended
	l.mu.Unlock()
	switch {
	case ended:
		l.tell(call.report, j)
	case known:
		l.tell(campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA" + j.Attempt.String()}, j)
	default:
		l.tell(campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackNotDialled}, j)
	}
}

// tell publishes a report; one that can't be is lost, and settled by its owner.
func (l *line) tell(r campaign.Report, j campaign.Job) {
	r.Campaign, r.Attempt, r.Provider, r.At = j.Campaign, j.Attempt, j.Provider, time.Now().UTC()
	_ = l.r.bus.PublishReport(l.ctx, r)
}

// change changes how calls go from now on.
func (l *line) change(f func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

// hold keeps the calls up that are dialled from now on, until they are hung up, or those
// that were dialled before the next hold are ended.
func (l *line) hold() (end func()) {
	held := make(chan struct{})
	l.change(func(l *line) { l.held = held })
	return func() { close(held) }
}

func (l *line) hangUp() {
	l.change(func(l *line) {
		close(l.held)
		l.held = nil
	})
}

func (l *line) dials(to string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byTo[to]
}

// total counts the dials so far.
func (l *line) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ledger)
}

// upNow and peakOf count the calls of a campaign that are up, and the most that ever
// were.
func (l *line) upNow(id campaign.ID) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up[id]
}

func (l *line) peakOf(id campaign.ID) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peak[id]
}

// unheard counts the hang-ups that were lost.
func (l *line) unheard() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// bound has a campaign watched for its limit.
func (l *line) bound(id campaign.ID, most int) {
	l.change(func(l *line) { l.limit[id] = most })
}

func (l *line) judge() {
	l.r.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(l.r.t, l.faults)
}
