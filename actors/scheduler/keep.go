package scheduler

import (
	"bytes"
	"context"
	"sync"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
)

// settingPatience is how long the store may take for a setting: less than whoever asks waits
// before asking again.
const settingPatience = 1500 * time.Millisecond

// change is an answer that comes later: a setting that is kept first, and then in force.
type change struct {
	name  string
	value []byte
	// sorry is what is said when it can't be kept.
	sorry string
	// use puts it in force, in the leading loop, and makes the answer.
	use func(now time.Time) (any, error)
}

// keeper reads and writes settings beside the leading loop, so that a database that
// hangs holds up no grant.  It does one thing at a time, in the order in which they were
// asked for: each change builds on what the one before has left.  All but its goroutine
// is the leading loop's.
type keeper struct {
	settings Settings
	busy     bool
	finished chan func() // what the leading loop does about what is done
	current  *wish       // nil while nothing is written
	queue    []*wish     // changes that came meanwhile
	over     bool        // the leading is
	run      sync.WaitGroup
}

// wish is a question that changes something, and all who asked it.  Whoever gets no answer
// in time asks again, and is to get the answer to what was begun: begun anew, it would undo
// what others wished in between.
type wish struct {
	ask
	also []chan<- answer
}

func (w *wish) tell(a answer) {
	w.answer <- a
	for _, to := range w.also {
		to <- a
	}
}

// joins adds the asker to those who asked the same and wait.
func (k *keeper) joins(q ask) bool {
	for _, w := range append([]*wish{k.current}, k.queue...) {
		if w != nil && w.question == q.question && bytes.Equal(w.body, q.body) {
			w.also = append(w.also, q.answer)
			return true
		}
	}
	return false
}

// mostChanges is how many changes may wait for the store.
const mostChanges = 100

func newKeeper(s Settings) *keeper {
	return &keeper{settings: s, finished: make(chan func(), 1)}
}

// begin does something with the store; then is called in the leading loop.
func (k *keeper) begin(ctx context.Context, do func(context.Context) error, then func(error)) {
	k.busy = true
	k.run.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, settingPatience)
		defer cancel()
		err := do(ctx)
		k.finished <- func() { k.busy = false; then(err) } // there is room: it is the only one
	})
}

// end waits for what is under way.  Whoever asked is to ask the next leader: whether a
// change was kept in time for that one to see it nobody knows.  ctx must have ended.
func (k *keeper) end() {
	k.over = true
	k.run.Wait()
	select {
	case then := <-k.finished:
		then()
	default:
	}
	for _, w := range k.queue {
		w.tell(answer{err: bus.ErrNotMine})
	}
	k.queue = nil
}

// answer answers a question, at once or when what it changes is kept and in force.
func (c *Candidate) answer(ctx context.Context, core *Core, lease *bus.Lease, k *keeper, q ask) {
	if k.joins(q) {
		return
	}
	c.fulfil(ctx, core, lease, k, &wish{ask: q})
}

func (c *Candidate) fulfil(ctx context.Context, core *Core, lease *bus.Lease, k *keeper, w *wish) {
	v, err := c.reply(ctx, core, w.ask)
	ch, changes := v.(*change)
	switch {
	case err != nil || !changes:
		w.tell(answer{v, err})
	case k.busy && len(k.queue) >= mostChanges:
		w.tell(answer{err: campaign.Unavailable("Too many changes wait for the database; try again later.")})
	case k.busy:
		k.queue = append(k.queue, w)
	default:
		k.current = w
		k.begin(ctx, func(ctx context.Context) error { return k.settings.PutSetting(ctx, ch.name, ch.value) },
			func(err error) {
				k.current = nil
				w.tell(c.enforce(lease, k, ch, err))
			})
	}
}

// enforce puts in force what was kept.
func (c *Candidate) enforce(lease *bus.Lease, k *keeper, ch *change, err error) answer {
	switch now := time.Now(); {
	case k.over || !lease.Valid(now):
		return answer{err: bus.ErrNotMine}
	case err != nil:
		c.log.Warn("a setting could not be kept", "setting", ch.name, "error", err)
		return answer{err: campaign.Unavailable("%s", ch.sorry)}
	default:
		v, err := ch.use(now)
		return answer{v, err}
	}
}

// next answers what waited, as far as it does not change anything again.
func (c *Candidate) next(ctx context.Context, core *Core, lease *bus.Lease, k *keeper) {
	for !k.busy && len(k.queue) > 0 {
		w := k.queue[0]
		k.queue = k.queue[1:]
		c.fulfil(ctx, core, lease, k, w)
	}
}
