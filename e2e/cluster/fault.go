package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Fault is one thing that goes wrong.  Happen does it; Prove, called when it has lasted,
// says why it did not come about, if so; Heal ends it, and returns when what it broke is
// up again.
type Fault struct {
	Kind string // "kill -9 a node"
	What string // "node-2"
	Part Part
	For  time.Duration

	Happen func(context.Context) error
	Prove  func(context.Context) error
	Heal   func(context.Context) error
}

func (f Fault) String() string {
	out := f.Kind
	if f.What != "" {
		out += " (" + f.What + ")"
	}
	if f.For > 0 {
		out += fmt.Sprintf(" for %.1f s", f.For.Seconds())
	}
	return out
}

// Part is what a fault is done to.  Those of different parts may come at once.
type Part int

// The parts.
const (
	OfDialtone Part = iota
	OfNATS
	OfPostgres
	OfNetwork
)

// kind makes faults of one kind; what it hits, and for how long, is drawn.
type kind struct {
	name string
	part Part
	draw func(c *Cluster, r *rand.Rand) Fault
}

// Kinds are the names of all kinds.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// Plan draws faults: every kind as often as every other, within one, in any order.
func (c *Cluster) Plan(r *rand.Rand, n int) (out []Fault) {
	for len(out) < n {
		for _, i := range r.Perm(len(kinds)) {
			f := kinds[i].draw(c, r)
			f.Kind, f.Part = kinds[i].name, kinds[i].part
			if len(out) < n {
				out = append(out, f)
			}
		}
	}
	return out
}

// between draws a duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least+1)))
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// A node that is killed is back before its leases have run out, and takes them up itself,
// or after others have taken them over.
var kinds = []kind{
	{"kill -9 a node", OfDialtone, func(c *Cluster, r *rand.Rand) Fault { return killed(pick(r, c.Nodes), between(r, 0, 30*time.Second)) }},
	{"kill -9 the leader", OfDialtone, func(c *Cluster, r *rand.Rand) Fault { return c.leader(r, killed, 0, 30*time.Second) }},
	{"kill -9 a caller", OfDialtone, func(c *Cluster, r *rand.Rand) Fault { return killed(pick(r, c.Callers), between(r, 0, 8*time.Second)) }},
	{"kill -9 all of Dialtone", OfDialtone, func(c *Cluster, _ *rand.Rand) Fault { return c.allKilled() }},
	{"freeze a node", OfDialtone, func(c *Cluster, r *rand.Rand) Fault {
		return stoodStill(pick(r, c.Nodes), between(r, 2*time.Second, 25*time.Second))
	}},
	{"freeze the leader", OfDialtone, func(c *Cluster, r *rand.Rand) Fault { return c.leader(r, stoodStill, 2*time.Second, 25*time.Second) }},
	{"freeze a caller", OfDialtone, func(c *Cluster, r *rand.Rand) Fault {
		return stoodStill(pick(r, c.Callers), between(r, 2*time.Second, 20*time.Second))
	}},
	{"restart a node in good order", OfDialtone, func(c *Cluster, r *rand.Rand) Fault {
		return terminated(pick(r, c.Nodes), between(r, 0, 3*time.Second))
	}},
	{"kill -9 a NATS server", OfNATS, func(c *Cluster, r *rand.Rand) Fault { return c.natsKilled(5*time.Second, pick(r, c.NATS.Servers)) }},
	{"kill -9 all NATS servers", OfNATS, func(c *Cluster, _ *rand.Rand) Fault { return c.natsKilled(0, c.NATS.Servers...) }},
	{"freeze a NATS server", OfNATS, func(c *Cluster, r *rand.Rand) Fault {
		s := pick(r, c.NATS.Servers)
		return frozenProcess(s.Process, between(r, 3*time.Second, 12*time.Second))
	}},
	{"cut a NATS server off the others", OfNATS, func(c *Cluster, r *rand.Rand) Fault {
		return c.isolated(pick(r, c.NATS.Servers), between(r, 3*time.Second, 12*time.Second), pick(r, []Mode{Cut, Held}))
	}},
	{"delete all streams", OfNATS, func(c *Cluster, _ *rand.Rand) Fault { return c.streamsDeleted() }},
	{"delete JetStream's storage", OfNATS, func(c *Cluster, _ *rand.Rand) Fault { return c.storageDeleted() }},
	{"restart PostgreSQL", OfPostgres, func(c *Cluster, r *rand.Rand) Fault { return c.databaseRestarted(r.IntN(2) == 0) }},
	{"freeze PostgreSQL", OfPostgres, func(c *Cluster, _ *rand.Rand) Fault { return c.databaseFrozen(10 * time.Second) }},
	{"network: a node and NATS", OfNetwork, func(c *Cluster, r *rand.Rand) Fault {
		n := pick(r, c.Nodes)
		return broken(n.Name, between(r, 2*time.Second, 20*time.Second), pick(r, []Mode{Cut, Held, Swallowed}), n.NATS...)
	}},
	// No longer: its campaigns, which may be all that call, wait for all that time.
	{"network: a node and PostgreSQL", OfNetwork, func(c *Cluster, r *rand.Rand) Fault {
		n := pick(r, c.Nodes)
		return broken(n.Name, between(r, 2*time.Second, 20*time.Second), pick(r, []Mode{Cut, Held, Swallowed}), n.Postgres)
	}},
	{"network: all and PostgreSQL", OfNetwork, func(c *Cluster, r *rand.Rand) Fault {
		var ways []*Proxy
		for _, n := range c.all() {
			ways = append(ways, n.Postgres)
		}
		return broken("all", between(r, 2*time.Second, 8*time.Second), pick(r, []Mode{Cut, Held, Swallowed}), ways...)
	}},
	// A network that held requests to a provider for long would have it dial outside the
	// hours and after a pause, whatever the service did: see docs/reliability.md.
	{"network: a provider", OfNetwork, func(c *Cluster, r *rand.Rand) Fault {
		name := pick(r, c.cfg.Trunks).Name
		var ways []*Proxy
		for _, n := range c.all() {
			ways = append(ways, n.Providers[name])
		}
		return broken(name, between(r, 2*time.Second, 12*time.Second), pick(r, []Mode{Cut, Swallowed}), ways...)
	}},
	{"network: a node and a provider", OfNetwork, func(c *Cluster, r *rand.Rand) Fault {
		n, name := pick(r, c.all()), pick(r, c.cfg.Trunks).Name
		return broken(n.Name+" and "+name, between(r, 2*time.Second, 12*time.Second), pick(r, []Mode{Cut, Swallowed}), n.Providers[name])
	}},
	{"network: callbacks and users", OfNetwork, func(c *Cluster, r *rand.Rand) Fault {
		return broken("front", between(r, 2*time.Second, 8*time.Second), pick(r, []Mode{Cut, Held, Swallowed}), c.Front.Proxy)
	}},
	{"network: everything slow", OfNetwork, func(c *Cluster, r *rand.Rand) Fault { return c.slow(between(r, 3*time.Second, 10*time.Second)) }},
}

// all are the nodes and the callers.
func (c *Cluster) all() []*Node { return append(c.Nodes[:len(c.Nodes):len(c.Nodes)], c.Callers...) }

func nothing(context.Context) error { return nil }

// upAgain starts a node and waits until it is ready.
func upAgain(ctx context.Context, n *Node) error {
	if err := n.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	return n.Ready(ctx)
}

// readyPatience is how long a node may take to be ready, once nothing is broken any more.
const readyPatience = 45 * time.Second

func killed(n *Node, d time.Duration) Fault {
	return Fault{What: n.Name, For: d,
		Happen: func(context.Context) error { return n.Kill() },
		Prove: func(context.Context) error {
			if n.Running() {
				return errors.New("it runs")
			}
			return nil
		},
		Heal: func(ctx context.Context) error { return upAgain(ctx, n) },
	}
}

func stoodStill(n *Node, d time.Duration) Fault { return frozenProcess(n.Process, d) }

func frozenProcess(p *Process, d time.Duration) Fault {
	return Fault{What: p.Name, For: d, Happen: p.Freeze, Prove: nothing, // Thaw fails if it did not stand still
		Heal: func(context.Context) error { return p.Thaw() }}
}

func terminated(n *Node, d time.Duration) Fault {
	f := killed(n, d)
	f.Happen = func(context.Context) error { return n.Terminate(11 * time.Second) }
	return f
}

// leader has a fault hit whoever leads when its time has come.
func (c *Cluster) leader(r *rand.Rand, how func(*Node, time.Duration) Fault, least, most time.Duration) Fault {
	f := Fault{What: "leader", For: between(r, least, most)}
	hit := Fault{Prove: nothing, Heal: nothing} // if nobody leads
	f.Happen = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, readyPatience)
		defer cancel()
		var n *Node
		if err := until(ctx, "nobody leads", func() bool { n = c.Leader(ctx); return n != nil }); err != nil {
			return err
		}
		hit = how(n, f.For)
		return hit.Happen(ctx)
	}
	f.Prove = func(ctx context.Context) error { return hit.Prove(ctx) }
	f.Heal = func(ctx context.Context) error { return hit.Heal(ctx) }
	return f
}

func (c *Cluster) allKilled() Fault {
	return Fault{Prove: nothing,
		Happen: func(context.Context) error {
			var errs []error
			for _, n := range c.all() {
				errs = append(errs, n.Kill())
			}
			return errors.Join(errs...)
		},
		Heal: func(ctx context.Context) error {
			for _, n := range c.all() {
				if err := n.Start(); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(ctx, readyPatience)
			defer cancel()
			return c.Ready(ctx)
		},
	}
}

func (c *Cluster) slow(d time.Duration) Fault {
	set := func(d time.Duration) {
		for _, p := range c.proxies {
			p.Delay(d)
		}
	}
	return Fault{What: "50 ms a piece", For: d,
		Happen: func(context.Context) error { set(50 * time.Millisecond); return nil },
		Prove: func(context.Context) error {
			for _, p := range c.proxies {
				if p.Slowed() > 0 {
					return nil
				}
			}
			return errors.New("nothing had to wait")
		},
		Heal: func(context.Context) error { set(0); return nil },
	}
}

// broken has some ways do what the mode says, all at once.
func broken(what string, d time.Duration, m Mode, ways ...*Proxy) Fault {
	set := func(m Mode) error {
		for _, p := range ways {
			p.Set(m)
		}
		return nil
	}
	return Fault{What: what + ", " + m.String(), For: d,
		Happen: func(context.Context) error { return set(m) },
		Prove: func(context.Context) error {
			hit := 0
			for _, p := range ways {
				hit += p.Hit()
			}
			if hit == 0 {
				return errors.New("there was no connection")
			}
			return nil
		},
		Heal: func(context.Context) error { return set(Open) },
	}
}
