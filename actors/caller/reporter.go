package caller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
)

// reporter publishes reports in batches: what comes while a batch is handed over
// goes with the next.
type reporter struct {
	bus   *bus.Bus
	log   *slog.Logger
	pause time.Duration // before another try
	in    chan entry
	ctx   context.Context // ends with the patience for what can't be published
	run   sync.WaitGroup
}

// entry is a report and what to do when JetStream has it, or will not have it.
type entry struct {
	report campaign.Report
	tries  int
	done   func()
	failed func()
}

// mostTries is how often a report is published that JetStream does not take.
const mostTries = 5

// newReporter makes a reporter that never keeps add waiting, if no more than most
// reports are handed in and not answered for.
func newReporter(b *bus.Bus, most int, pause time.Duration, log *slog.Logger) *reporter {
	return &reporter{bus: b, log: log, pause: pause, in: make(chan entry, most)}
}

func (r *reporter) start(ctx context.Context) {
	r.ctx = ctx
	r.run.Go(r.loop)
}

// stop comes when everything handed in has been answered for.
func (r *reporter) stop() {
	close(r.in)
	r.run.Wait()
}

func (r *reporter) add(report campaign.Report, done, failed func()) {
	r.in <- entry{report: report, done: done, failed: failed}
}

func (r *reporter) loop() {
	for e := range r.in {
		batch := append(make([]entry, 0, 1+len(r.in)), e)
		for range len(r.in) {
			batch = append(batch, <-r.in)
		}
		r.publish(batch)
	}
}

func (r *reporter) publish(batch []entry) {
	reports := make([]campaign.Report, len(batch))
	for i := range batch {
		reports[i] = batch[i].report
	}
	r.bus.PublishReports(reports, func(err error) {
		if err == nil {
			for i := range batch {
				batch[i].done()
			}
			return
		}
		r.again(batch, err)
	})
}

// again publishes once more after a pause.  What can't be published at last is
// left to the redelivery of its job and to the machine's watch.
func (r *reporter) again(batch []entry, err error) {
	r.log.Warn("could not publish reports", "reports", len(batch), "error", err)
	keep := batch[:0:0]
	for _, e := range batch {
		if e.tries++; e.tries < mostTries && r.ctx.Err() == nil {
			keep = append(keep, e)
		} else {
			e.failed()
		}
	}
	if len(keep) > 0 {
		time.AfterFunc(r.pause, func() { r.publish(keep) })
	}
}
