package bus

import (
	"errors"
	"sync/atomic"
	"time"

	"dialtone/campaign"

	"github.com/nats-io/nats.go/jetstream"
)

// Receipt is how the receiver of a delivery says what became of it.  Ack or Nak
// end it, and the first of them counts; both only send, nobody waits for the
// server.  A delivery that is neither acknowledged nor prolonged within the ack
// wait is made again, to whoever consumes then.
type Receipt interface {
	// Ack says that it is done, and committed.  A lost one means another
	// delivery.
	Ack() error
	// Nak gives it back, to be delivered again after the delay or later.
	Nak(delay time.Duration) error
	// InProgress starts the ack wait anew.
	InProgress() error
}

// JobDelivery is a job handed to a caller.
type JobDelivery struct {
	Job campaign.Job
	// Deliveries counts how often it was delivered, this time included.
	Deliveries int
	Receipt
}

// ReportDelivery is a report handed to the owner of its campaign's partition.
type ReportDelivery struct {
	Report campaign.Report
	// Deliveries counts how often it was delivered, this time included.
	Deliveries int
	Receipt
}

// parcelSize is how many items travel in one message at most: one bit each.
const parcelSize = 64

// parcel is a message with one item or more.  It is acknowledged when its last
// item is, and given back if any item was; then all its items come again.
type parcel struct {
	from  *consumption
	msg   jetstream.Msg
	size  int
	open  atomic.Uint64 // a bit for each item not settled yet
	delay atomic.Int64  // the longest of the Naks; -1 without any
}

func (c *consumption) newParcel(m jetstream.Msg, items int) *parcel {
	p := &parcel{from: c, msg: m, size: items}
	p.open.Store(^uint64(0) >> (parcelSize - items))
	p.delay.Store(-1)
	c.take(items)
	return p
}

func (p *parcel) item(i int) item { return item{p, 1 << i} }

// item is the receipt of one item of a parcel.
type item struct {
	*parcel
	bit uint64
}

func (i item) Ack() error { return i.settle(i.bit) }

func (i item) Nak(delay time.Duration) error {
	if i.open.Load()&i.bit == 0 {
		return nil
	}
	for {
		have := i.delay.Load()
		if have >= int64(delay) || i.delay.CompareAndSwap(have, max(int64(delay), 0)) {
			return i.settle(i.bit)
		}
	}
}

func (i item) InProgress() error { return i.msg.InProgress() }

// settle sends what the parcel comes to when its last item is settled.
func (p *parcel) settle(bit uint64) (err error) {
	before := p.open.And(^bit)
	if before&bit == 0 {
		return nil
	}
	p.from.give(1)
	if before != bit {
		return nil
	}
	switch delay := p.delay.Load(); {
	case delay < 0:
		err = p.msg.Ack()
	case delay == 0:
		err = p.msg.Nak()
	default:
		err = p.msg.NakWithDelay(time.Duration(delay))
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		p.from.bus.count.ackFailures.Add(1)
		return err
	}
	return nil
}

// undecodable ends a message that nobody will ever understand.
func (b *Bus) undecodable(m jetstream.Msg, err error) {
	b.count.undecodable.Add(1)
	b.log.Error("a message makes no sense and is dropped", "subject", m.Subject(), "error", err, "body", excerpt(m.Data()))
	if err := m.TermWithReason("undecodable"); err != nil {
		b.count.ackFailures.Add(1)
	}
}

// excerpt is what fits in a log line.
func excerpt(data []byte) string {
	const most = 200
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}
