package actors

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dialtone/actors/book"
	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
)

// desk speaks with the scheduler for all actors of a node: it gathers what they
// could use and give back into few messages, and hands out what is granted.  What it
// knows is in its book, which its goroutine owns; the actors post to its mailbox.
type desk struct {
	book   *book.Book
	node   string
	box    *mailbox[any]
	run    sync.WaitGroup
	cancel context.CancelFunc
}

// What is posted to a desk, beside *scheduler.Grants.
type (
	wants   = book.Wants // by its pointer
	awake   = book.Awake
	quieted = book.Quieted
	gone    = book.Gone
	left    = book.Left
)

// granted is tokens on their way to an actor.
type granted = book.Granted

// newDesk makes a desk that does not run yet.  deliver is false where there is no such
// actor.
func newDesk(node string, send func(scheduler.Report) error, deliver func(campaign.ID, granted) bool, log *slog.Logger) *desk {
	return &desk{book: book.New(node, send, deliver, log), node: node, box: newMailbox[any](0)}
}

// start begins the loop; stop ends it.
func (d *desk) start(b *bus.Bus) error {
	grants, err := bus.Subscribe(b, bus.SubjectGrants(d.node), func(g scheduler.Grants) { d.box.post(&g) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.run.Go(func() {
		defer grants.Stop()
		d.loop(ctx)
	})
	return nil
}

func (d *desk) stop() {
	if d.cancel != nil {
		d.cancel()
	}
	d.run.Wait()
}

func (d *desk) loop(ctx context.Context) {
	full := time.NewTimer(book.FullFirst)
	defer full.Stop()
	for {
		select {
		case <-ctx.Done():
			d.book.TellAll()
			d.book.Report()
			return
		case <-d.box.signal:
			for _, m := range d.box.take() {
				d.book.Take(m)
			}
		case <-full.C:
			d.book.TellAll()
			full.Reset(d.book.FullPause())
		}
		d.book.Report()
	}
}
