package simulation

import (
	"time"
)

// node is a place where processes run, one after the other, under one name.
type node struct {
	w    *world
	name string
	skew time.Duration // of its clock of the day
	p    *process      // nil while none runs
}

// process is one life of a node, with all its roles.
type process struct {
	w    *world
	node *node

	dead    bool
	frozen  bool
	stalled []func() // what it would have done meanwhile
	// cut: until then nothing that it asks of JetStream or tells it gets through.
	cut time.Time
	// sent and told are when the newest message from it and to it arrives: those of one
	// connection keep their order.
	sent, told, sights time.Duration

	journal journal
	desk    *desk
	owner   *owner
	lead    *candidate
	caller  *caller
}

func (w *world) installNodes() {
	for i := range w.sizes.nodes {
		w.nodes = append(w.nodes, &node{w: w, name: string(rune('a' + i)), skew: w.span(0, 2*time.Second) - time.Second})
	}
	w.jobs.takes = func(*message) (out []consumer) {
		for _, p := range w.running() {
			if !p.caller.leaving {
				out = append(out, consumer{p: p, sink: p.caller.take})
			}
		}
		return out
	}
	w.reports.takes = w.consumers
}

// running are the processes that are not dead, frozen ones among them.
func (w *world) running() (out []*process) {
	for _, n := range w.nodes {
		if n.p != nil {
			out = append(out, n.p)
		}
	}
	return out
}

// boot starts a process.
func (w *world) boot(n *node) {
	if n.p != nil {
		return
	}
	p := &process{w: w, node: n}
	p.journal.p = p
	n.p = p
	w.tell("%s starts", n.name)
	p.desk, p.caller = newDesk(p), &caller{p: p}
	p.owner = newOwner(p)
	p.lead = &candidate{p: p}
	p.owner.start()
	p.lead.stand()
	w.jobs.kick()
}

// after has the process do something, if it lives by then; while it stands still it is
// done when it goes on.
func (p *process) after(d time.Duration, do func()) { p.w.afterOf(p, d, do) }

func (p *process) do(f func()) {
	switch {
	case p.dead:
	case p.frozen:
		p.stalled = append(p.stalled, f)
	case p.w.chance(p.w.faults.crash):
		p.node.kill("crashed")
	default:
		f()
	}
}

// dies reports whether the process is dead, or dies at this very moment, in the middle of
// what it does.
func (p *process) dies() bool {
	if !p.dead && p.w.chance(p.w.faults.crashMidTurn) {
		p.node.kill("crashed in the middle of a turn")
	}
	return p.dead
}

// deaf reports whether it has lost JetStream.
func (p *process) deaf() bool { return p.w.now.Before(p.cut) }

// kill ends the process at once; another starts later.
func (n *node) kill(how string) {
	if n.p == nil {
		return
	}
	n.w.saw("process " + how)
	n.end()
	n.w.after(n.w.span(100*time.Millisecond, 6*time.Second), func() { n.w.boot(n) })
}

func (n *node) end() {
	n.p.dead = true
	n.p = nil
}

// freeze has the process stand still for a while (SIGSTOP).
func (n *node) freeze() {
	p := n.p
	if p == nil || p.frozen {
		return
	}
	n.w.saw("process frozen")
	p.freezeFor(n.w.span(50*time.Millisecond, 8*time.Second))
}

func (p *process) freezeFor(d time.Duration) {
	if !p.frozen {
		p.frozen = true
		p.w.after(d, p.thaw)
	}
}

func (p *process) thaw() {
	if p.dead || !p.frozen {
		return
	}
	p.w.tell("%s goes on", p.node.name)
	p.frozen = false
	stalled := p.stalled
	p.stalled = nil
	for _, f := range stalled {
		p.after(0, f)
	}
}

// cutOff takes JetStream from a process for a while.
func (n *node) cutOff() {
	if n.p != nil {
		n.w.saw("process without JetStream")
		n.p.cut = n.w.now.Add(n.w.span(200*time.Millisecond, 8*time.Second))
	}
}

// leave ends the process in good order; another starts later.
func (n *node) leave() {
	p := n.p
	if p == nil || p.frozen || p.caller.leaving {
		return
	}
	n.w.saw("process leaves")
	p.caller.leaving = true
	p.owner.leave(func() {
		p.lead.stop()
		n.w.tell("%s has left", n.name)
		n.end()
		n.w.after(n.w.span(100*time.Millisecond, 4*time.Second), func() { n.w.boot(n) })
	})
}

// recover has what is wrong with a node come to its end.
func (n *node) recover() {
	if n.p == nil {
		n.w.after(0, func() { n.w.boot(n) })
		return
	}
	n.p.cut = n.w.now
	n.p.thaw()
}
