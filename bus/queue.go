package bus

import (
	"context"
	"errors"
	"fmt"

	"dialtone/campaign"

	"github.com/nats-io/nats.go/jetstream"
)

// Sizes that a job and a report rarely exceed, for the first allocation.
const (
	jobSize    = 320
	reportSize = 220
)

// How many items of one subject travel in one message at most; 64 is the limit
// of a parcel.  Jobs in one message go to the same caller and come again
// together, so they are fewer.
const (
	jobsPerMessage    = 16
	reportsPerMessage = 64
)

// reportPrefetch is how many messages one partition fetches ahead.
const reportPrefetch = 128

// PublishJobs sends jobs to the callers and never blocks on JetStream.  done is
// called exactly once, from a goroutine of the bus: with nil when JetStream has
// every one of them, else with a campaign.Unavailable; then some may have arrived
// all the same, and publishing all of them again is harmless.  done must be
// fast.  After Close, done is called before PublishJobs returns.  The slice is
// the caller's again when PublishJobs returns.
func (b *Bus) PublishJobs(jobs []campaign.Job, done func(err error)) {
	letters := make([]letter, 0, len(jobs))
	arena := make([]byte, 0, len(jobs)*jobSize)
	var bad error
	for i := range jobs {
		j := &jobs[i]
		from := len(arena)
		var err error
		if arena, err = appendJob(arena, j); err != nil {
			bad, arena = errors.Join(bad, fmt.Errorf("attempt %v: %w", j.Attempt, err)), arena[:from]
			continue
		}
		l := letter{data: arena[from:len(arena):len(arena)], most: jobsPerMessage}
		if i > 0 && len(letters) > 0 && j.Campaign == jobs[i-1].Campaign && j.Provider == jobs[i-1].Provider {
			l.subject = letters[len(letters)-1].subject
		} else {
			l.subject = subjectDial(j.Provider, j.Campaign)
		}
		l.group = l.subject
		letters = append(letters, l)
	}
	b.pub.publish(letters, true, func(err error) {
		b.countPublished(&b.count.jobsPublished, len(jobs), errors.Join(bad, err))
		done(publishError("dial jobs", bad, err))
	})
}

// PublishReports sends reports to the owners of their campaigns.  It promises
// what PublishJobs does.
func (b *Bus) PublishReports(rs []campaign.Report, done func(err error)) {
	b.publishReports(rs, false, done)
}

func (b *Bus) publishReports(rs []campaign.Report, urgent bool, done func(err error)) {
	letters := make([]letter, 0, len(rs))
	arena := make([]byte, 0, len(rs)*reportSize)
	var bad error
	for i := range rs {
		r := &rs[i]
		from := len(arena)
		var err error
		if arena, err = appendReport(arena, r); err != nil {
			bad, arena = errors.Join(bad, fmt.Errorf("attempt %v: %w", r.Attempt, err)), arena[:from]
			continue
		}
		l := letter{data: arena[from:len(arena):len(arena)], most: reportsPerMessage}
		if i > 0 && len(letters) > 0 && r.Campaign == rs[i-1].Campaign {
			l.subject = letters[len(letters)-1].subject
		} else {
			l.subject = subjectCallback(r.Campaign)
		}
		l.group = groupPartition[PartitionOf(r.Campaign)]
		letters = append(letters, l)
	}
	b.pub.publish(letters, urgent, func(err error) {
		b.countPublished(&b.count.reportsPublished, len(rs), errors.Join(bad, err))
		done(publishError("reports", bad, err))
	})
}

// PublishReport sends one report and waits until JetStream has it, which is the sooner as
// somebody waits for the answer.  Its error is a campaign.Unavailable; the report may
// have arrived all the same.
func (b *Bus) PublishReport(ctx context.Context, r campaign.Report) error {
	answer := make(chan error, 1)
	b.publishReports([]campaign.Report{r}, true, func(err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return publishError("the report", nil, ctx.Err())
	}
}

// ConsumeJobs hands jobs to a caller, one after the other from one goroutine;
// handle must be fast.  All nodes share the jobs.  When maxInFlight jobs or a
// few more are handed out and not settled, nothing is handed out until some
// are; about as many again may wait in this process, fetched ahead.
func (b *Bus) ConsumeJobs(maxInFlight int, handle func(JobDelivery)) (Consumption, error) {
	most := int64(max(maxInFlight, 1))
	prefetch := max(int(most)/jobsPerMessage, 4)
	c, err := b.consume(streamDial, durableCallers, prefetch, most, func(c *consumption, m jetstream.Msg) {
		jobs, err := decodeJobs(m.Data())
		if err = saneParcel(len(jobs), err); err != nil {
			b.undecodable(m, err)
			return
		}
		p, n := c.newParcel(m, len(jobs)), deliveries(m)
		b.countDelivered(&b.count.jobsDelivered, len(jobs), n)
		for i := range jobs {
			handle(JobDelivery{Job: jobs[i], Deliveries: n, Receipt: p.item(i)})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("consume dial jobs: %w", err)
	}
	return c, nil
}

// ConsumeReports hands a partition's reports to its owner, one after the other
// from one goroutine; handle must be fast.  There should be one consumption of a
// partition, that of the lease's holder; if there are two for a moment, each
// report goes to one of them.
func (b *Bus) ConsumeReports(partition int, handle func(ReportDelivery)) (Consumption, error) {
	c, err := b.consume(streamCallback, durablePartition(partition), reportPrefetch, maxAckPending, func(c *consumption, m jetstream.Msg) {
		rs, err := decodeReports(m.Data())
		if err = saneParcel(len(rs), err); err != nil {
			b.undecodable(m, err)
			return
		}
		p, n := c.newParcel(m, len(rs)), deliveries(m)
		b.countDelivered(&b.count.reportsDelivered, len(rs), n)
		for i := range rs {
			handle(ReportDelivery{Report: rs[i], Deliveries: n, Receipt: p.item(i)})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("consume reports of partition %d: %w", partition, err)
	}
	return c, nil
}

func saneParcel(items int, err error) error {
	if err == nil && (items == 0 || items > parcelSize) {
		err = fmt.Errorf("%d items in one message", items)
	}
	return err
}
