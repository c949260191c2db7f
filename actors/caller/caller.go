// Package caller is the role that speaks with the providers.  It takes dial
// jobs, writes placing, which only one delivery of a job can, asks the provider
// to place the call, and reports what came of it.  It waits for no call.
//
//	job ─▶ placing (journal) ─▶ provider ─▶ report (CALLBACK) ─▶ acknowledge job
//
// # Failures
//
// Before placing is committed nothing has happened: the job comes again.  After
// it, nobody else places the attempt: a caller that dies here leaves it in
// placing, and the campaign's machine settles it with the provider.  The job of a
// report that can't be published is given back: it comes again, is found taken,
// and the machine settles it.
package caller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

// Journal writes placing.
type Journal interface {
	Submit(ops []store.Op, done func(stats map[campaign.ID]campaign.Stats, err error))
}

// Attempts tells which of a provider's calls are known already.
type Attempts interface {
	AttemptsTo(ctx context.Context, phone string, since time.Time) ([]campaign.Attempt, error)
}

// Config is what a Caller needs.
type Config struct {
	Bus      *bus.Bus
	Journal  Journal
	Attempts Attempts
	// Provider finds a provider by its name, one too that takes no new calls any more;
	// nil if there never was one.  It may answer otherwise tomorrow.
	Provider func(name string) provider.Provider
	// CallbackURL is where providers reach the API, without a slash at the end.
	CallbackURL func() string
	// Workers is how many requests to providers may be under way. Twice as many
	// jobs are in hand, which must cover what commits of placing take: at 10,000
	// calls a second and 50 ms, 500 of them. Default 512.
	Workers int
	// SendWithin is how long after placing the request must have been sent; later
	// the campaign might already be settling the attempt, or have answered that it
	// has stopped (machine.Config).  Default 3 s.
	SendWithin time.Duration
	// RequestTimeout bounds one request to a provider. Default 10 s.
	RequestTimeout time.Duration
	// HangUpPause is how long after the first try to hang up the second comes; after
	// each further one it is that much longer.  Default 1 s.
	HangUpPause time.Duration
	// ReportPause is how long after a report could not be published that is tried again,
	// of mostTries in all.  Default 500 ms.
	ReportPause time.Duration
	Logger      *slog.Logger
}

// Caller is the role at work.
type Caller struct {
	cfg     Config
	log     *slog.Logger
	work    chan task // to be dialled
	asks    chan task // to be asked about, or hung up
	lanes   *lanes
	hands   chan struct{} // one for each job in hand
	reports *reporter

	// accept ends with the taking of jobs, ctx with what is under way.
	accept context.Context
	refuse context.CancelFunc
	ctx    context.Context
	abort  context.CancelFunc

	jobs    bus.Consumption
	service bus.Service
	workers sync.WaitGroup
	once    sync.Once
	count   counters
}

// task is a job whose turn at the provider has come.
type task struct {
	delivery bus.JobDelivery
	placedAt time.Time // when placing was asked for, by the monotonic clock
}

type counters struct {
	placed, refused, givenBack, ambiguous, taken, settled, hungUp atomic.Int64
}

// Stats is what a caller has done since it started.
type Stats struct {
	Placed    int64 `json:"placed"`
	Refused   int64 `json:"refused"`
	GivenBack int64 `json:"given_back"`
	Ambiguous int64 `json:"ambiguous"`
	Taken     int64 `json:"taken"`
	Settled   int64 `json:"settled"`
	HungUp    int64 `json:"hung_up"`
}

// New makes a caller that does not run yet.
func New(cfg Config) *Caller {
	cfg.Workers = cmp.Or(cfg.Workers, 512)
	cfg.SendWithin = cmp.Or(cfg.SendWithin, 3*time.Second)
	cfg.RequestTimeout = cmp.Or(cfg.RequestTimeout, 10*time.Second)
	cfg.HangUpPause = cmp.Or(cfg.HangUpPause, time.Second)
	cfg.ReportPause = cmp.Or(cfg.ReportPause, 500*time.Millisecond)
	log := cfg.Logger.With("part", "caller")
	return &Caller{
		cfg: cfg, log: log,
		work:    make(chan task, 2*cfg.Workers),
		asks:    make(chan task, max(1, cfg.Workers/2)),
		lanes:   newLanes(cfg.Workers),
		hands:   make(chan struct{}, 2*cfg.Workers),
		reports: newReporter(cfg.Bus, 2*cfg.Workers, cfg.ReportPause, log),
	}
}

// Start takes jobs.
func (c *Caller) Start(ctx context.Context) (err error) {
	c.ctx, c.abort = context.WithCancel(context.WithoutCancel(ctx))
	c.accept, c.refuse = context.WithCancel(c.ctx)
	c.reports.start(c.ctx)
	for range c.cfg.Workers {
		c.workers.Go(c.dialAll)
	}
	for range max(1, c.cfg.Workers/4) {
		c.workers.Go(c.askAll)
	}
	c.service, err = c.cfg.Bus.ServeRole(bus.ServiceCallers, "Place calls with the providers", map[string]func([]byte) (any, error){
		"stats": func([]byte) (any, error) { return c.Stats(), nil },
	}, true)
	if err != nil {
		c.Stop(ctx)
		return fmt.Errorf("serve the callers' subjects: %w", err)
	}
	c.jobs, err = c.cfg.Bus.ConsumeJobs(2*c.cfg.Workers, c.take)
	if err != nil {
		c.Stop(ctx)
		return fmt.Errorf("take dial jobs: %w", err)
	}
	return nil
}

// Stop takes no more jobs, lets the requests under way come to their end while
// ctx lives, aborts them then, and returns when everything is reported, or can't
// be.  What the journal has in hand it waits for: stop a journal that hangs.  It
// may be called twice, and before Start.
func (c *Caller) Stop(ctx context.Context) {
	if c.abort == nil {
		return
	}
	c.once.Do(func() {
		stop := context.AfterFunc(ctx, c.abort)
		defer stop()
		c.refuse()
		if c.jobs != nil {
			c.jobs.Stop()
		}
		if c.service != nil {
			_ = c.service.Stop() // the connection ends it otherwise
		}
		for range cap(c.hands) {
			c.hands <- struct{}{} // all hands are empty when we hold them all
		}
		close(c.work)
		close(c.asks)
		c.workers.Wait()
		c.reports.stop()
		c.abort()
	})
}

// Stats counts what was done.
func (c *Caller) Stats() Stats {
	n := &c.count
	return Stats{
		Placed: n.placed.Load(), Refused: n.refused.Load(), GivenBack: n.givenBack.Load(),
		Ambiguous: n.ambiguous.Load(), Taken: n.taken.Load(), Settled: n.settled.Load(),
		HungUp: n.hungUp.Load(),
	}
}

// take begins a job.  It is called by the consumer and waits for a free hand:
// there are twice as many as workers, so that a job in hand comes to its turn
// within the ack wait even when every provider is slow.
func (c *Caller) take(d bus.JobDelivery) {
	select {
	case c.hands <- struct{}{}:
	case <-c.accept.Done():
		_ = d.Nak(0) // it comes again anyway
		return
	}
	switch {
	case c.accept.Err() != nil:
		c.decline(d, 0)
	case d.Job.Kind == campaign.JobSettle, d.Job.Kind == campaign.JobHangUp:
		select {
		case c.asks <- task{delivery: d}:
		default:
			c.tooMany(d)
		}
	case d.Job.Kind != campaign.JobPlace:
		c.log.Error("a job of an unknown kind is dropped", "kind", d.Job.Kind)
		c.acknowledge(d)
	case late(&d.Job):
		c.giveBack(d, campaign.GivenBackExpired, "", 0)
	case c.cfg.Provider(d.Job.Provider) == nil && d.Deliveries < mostStrange:
		// Another caller may have read its providers file again already.
		c.decline(d, declinePause)
	case c.cfg.Provider(d.Job.Provider) == nil:
		c.giveBack(d, campaign.GivenBackUnknown, d.Job.Provider, 0)
	default:
		c.place(d)
	}
}

// mostStrange is how often a job is delivered whose provider is not configured, before
// it is given back.
const mostStrange = 5

// tooMany lets go of a question for which there is no hand: dialling goes first.  The
// campaign's machine asks again, in a while.
func (c *Caller) tooMany(d bus.JobDelivery) {
	if d.Job.Kind == campaign.JobHangUp {
		c.acknowledge(d)
		return
	}
	c.report(d, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: "too many calls are being asked about"})
}

// late reports whether a job is of no use any more.
func late(j *campaign.Job) bool { return !j.NotAfter.IsZero() && time.Now().After(j.NotAfter) }

// place writes placing; only who has written it may ask the provider.
func (c *Caller) place(d bus.JobDelivery) {
	now := time.Now()
	op := &store.Placing{
		Campaign: d.Job.Campaign, Attempt: d.Job.Attempt, Number: d.Job.Number,
		Provider: d.Job.Provider, Placer: rand.Int64N(1<<62) + 1, At: now.UTC(),
	}
	c.cfg.Journal.Submit([]store.Op{op}, func(_ map[campaign.ID]campaign.Stats, err error) {
		if err == nil {
			err = op.Err
		}
		c.placing(task{d, now}, err)
	})
}

// placing goes on from the journal's answer, in the journal's goroutine: it must
// not wait.  The work channel has room for all jobs in hand.
func (c *Caller) placing(t task, err error) {
	switch {
	case err == nil:
		c.work <- t
	case errors.Is(err, store.ErrTaken):
		c.count.taken.Add(1)
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportTaken})
	case errors.Is(err, store.ErrNotRunning):
		c.giveBack(t.delivery, campaign.GivenBackStopped, "", 0)
	case errors.Is(err, store.ErrState):
		c.acknowledge(t.delivery) // the call has moved on; nobody waits for this job
	default:
		c.log.Warn("could not write placing; the job will come again", "attempt", t.delivery.Job.Attempt, "error", err)
		c.decline(t.delivery, declinePause)
	}
}

// done empties a hand.
func (c *Caller) done() { <-c.hands }

// declinePause is how soon a job comes again that can't be done now.
const declinePause = time.Second

// decline gives a job back to the queue.  It has to be said: for one of which
// nothing is said the consumption would keep a place free.
func (c *Caller) decline(d bus.JobDelivery, pause time.Duration) {
	_ = d.Nak(pause) // if that is lost, it comes after the ack wait
	c.done()
}

func (c *Caller) acknowledge(d bus.JobDelivery) {
	if err := d.Ack(); err != nil {
		c.log.Debug("an acknowledgement was lost; the job will come again", "error", err)
	}
	c.done()
}

func (c *Caller) giveBack(d bus.JobDelivery, reason, detail string, after time.Duration) {
	c.count.givenBack.Add(1)
	c.report(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: reason, Detail: detail, RetryAfter: after})
}

// report completes a report and hands it over; the job is acknowledged when
// JetStream has it.
func (c *Caller) report(d bus.JobDelivery, r campaign.Report) {
	r.Campaign, r.Attempt, r.Provider = d.Job.Campaign, d.Job.Attempt, d.Job.Provider
	if r.At.IsZero() {
		r.At = time.Now().UTC()
	}
	c.reports.add(r, func() { c.acknowledge(d) }, func() { c.decline(d, declinePause) })
}
