package scheduler

import (
	"context"
	"sync"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
)

const (
	beatEvery = 500 * time.Millisecond
	// renewalGrace is how long an end waits for a renewal.
	renewalGrace = 500 * time.Millisecond
)

// lead grants tokens until the lease is lost or the end comes.
func (c *Candidate) lead(end context.Context, lease *bus.Lease) {
	ctx, cancel := context.WithCancel(end)
	var renewal sync.WaitGroup
	renewal.Go(func() { c.renew(ctx, cancel, lease) })
	core := c.grantWhile(ctx, lease)
	cancel()
	renewal.Wait()
	if now := time.Now(); end.Err() != nil && lease.Valid(now) {
		if err := c.cfg.Bus.Send(bus.SubjectDemand(), Report{Node: c.cfg.Node, Handover: core.Handover(now)}); err != nil {
			c.log.Info("the next leader has to find out by itself what the providers saw just now", "error", err)
		}
	}

	release, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer done()
	if err := lease.Release(release); err != nil {
		c.log.Warn("could not hand over the scheduler's lease; it will run out", "error", err)
	}
}

// renew keeps the lease; when it can't, it ends the leading.  At the end it waits a
// moment for a renewal on its way: broken off, it might count all the same, and
// the lease could not be handed over for want of its revision.
func (c *Candidate) renew(ctx context.Context, lost context.CancelFunc, lease *bus.Lease) {
	renewing, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(renewalGrace, abort) })()
	tick := time.NewTicker(c.cfg.Bus.LeaseTTL() / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := lease.Renew(renewing); err != nil && ctx.Err() == nil {
			c.log.Warn("could not renew the scheduler's lease", "error", err)
			if !lease.Valid(time.Now()) {
				lost()
				return
			}
		}
	}
}

func (c *Candidate) grantWhile(ctx context.Context, lease *bus.Lease) *Core {
	choice, build := c.choice(ctx)
	now := time.Now()
	core := NewCore(uint64(now.UnixNano()), *c.limits.Load(), choice, build, now)
	c.resumeShadow(ctx, core)
	if err := c.resumeDrained(ctx, core); err != nil {
		c.log.Warn("which providers are drained is not known, and nothing is granted until it is", "error", err)
	}
	k := newKeeper(c.cfg.Settings)
	defer k.end()
	if e := c.estate; e.valid(c, now) {
		core.Inherit(e.handover, e.at)
	}
	core.Greet(c.nodes.names())
	defer c.health.Store(nil)
	c.log.Info("leading", "term", core.term, "strategy", choice.Strategy)

	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	rate := time.NewTimer(time.Hour)
	defer rate.Stop()
	c.grant(core, lease, now) // it greets the nodes
	for {
		select {
		case <-ctx.Done():
			return core
		case m := <-c.inbox:
			c.take(ctx, core, lease, k, m)
			c.takeRest(ctx, core, lease, k)
		case then := <-k.finished:
			then()
			c.next(ctx, core, lease, k)
		case <-rate.C:
		case <-c.configured:
			core.Configure(*c.limits.Load(), time.Now())
		case <-beat.C:
			if core.blind && !k.busy {
				c.askDrained(ctx, core, k)
			}
			health := core.Providers(time.Now())
			c.health.Store(&health)
			if lease.Valid(time.Now()) {
				for _, node := range core.Nodes() {
					c.send(node, core.Beat(node))
				}
			}
		}
		now := time.Now()
		c.grant(core, lease, now)
		c.tell(core.News(now))
		if next := core.NextGrant(now); !next.IsZero() {
			rate.Reset(time.Until(next))
		}
	}
}

// takeRest takes in what has come meanwhile, so that one grant answers it all.
func (c *Candidate) takeRest(ctx context.Context, core *Core, lease *bus.Lease, k *keeper) {
	for range cap(c.inbox) {
		select {
		case m := <-c.inbox:
			c.take(ctx, core, lease, k, m)
		default:
			return
		}
	}
}

// take takes in a message.  Without a valid lease somebody else may lead, whose
// answer counts.
func (c *Candidate) take(ctx context.Context, core *Core, lease *bus.Lease, k *keeper, m any) {
	switch m := m.(type) {
	case *Report:
		now := time.Now()
		if m.Handover != nil {
			core.Inherit(m.Handover, now) // it came after the lease
		}
		core.Take(m, now)
	case ask:
		if !lease.Valid(time.Now()) {
			m.answer <- answer{err: bus.ErrNotMine}
			return
		}
		c.answer(ctx, core, lease, k, m)
	}
}

// reply is the answer to a question, or the *change that it asks for.
func (c *Candidate) reply(ctx context.Context, core *Core, q ask) (any, error) {
	switch q.question {
	case "providers":
		return c.askProviders(core, q.body)
	case "slots":
		return c.slots(core, q.body)
	case "shadow":
		return c.askShadow(core, q.body)
	case "forecast":
		return c.askForecast(ctx, core, q.body, time.Now())
	case "gauges":
		return core.gauges(time.Now()), nil
	case "strategy":
		return c.choose(core, q.body)
	}
	return core.Stats(c.cfg.Node, time.Now()), nil
}

// slots lists the ledger: copied here, put in order where it does not keep the grants
// waiting.
func (c *Candidate) slots(core *Core, body []byte) (any, error) {
	var q SlotQuery
	if err := readAsk(body, &q); err != nil {
		return nil, err
	}
	if q.Limit < 0 || q.Limit > MostSlots {
		return nil, campaign.Invalid("limit", "Give a limit from 1 to %d, not %d.", MostSlots, q.Limit)
	}
	all := core.Slots(q, time.Now())
	return unfinished(func() (any, error) { return q.page(all), nil }), nil
}

// grant acts only while the lease surely holds.
func (c *Candidate) grant(core *Core, lease *bus.Lease, now time.Time) {
	if !lease.Valid(now) {
		return
	}
	for node, g := range core.Grant(now) {
		c.send(node, g)
	}
}

func (c *Candidate) send(node string, g *Grants) {
	if err := c.cfg.Bus.Send(bus.SubjectGrants(node), g); err != nil {
		c.log.Warn("could not send grants", "node", node, "error", err)
	}
}
