package simulation

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"
)

// bucket is the leases: keys that live for a time, and are written only by who knows how
// they stand.
type bucket struct {
	w        *world
	keys     map[string]*key
	watchers []*process
}

type key struct {
	holder  string
	nonce   int
	expires time.Time
}

// lease is the right of a process to act for something.
type lease struct {
	p     *process
	name  string
	nonce int
	until time.Time
	lost  bool
	busy  bool // it is being renewed
}

var (
	errHeld    = errors.New("held by another")
	errLost    = errors.New("lost")
	errNoReply = errors.New("no reply")
)

// valid reports whether the holder may act.
func (l *lease) valid() bool { return !l.lost && l.p.w.now.Before(l.until) }

// request has the bucket do something, and tells the process what came of it; what was
// asked, and the answer, may get lost.
func (b *bucket) request(p *process, do func() error, done func(error)) {
	w := b.w
	const patience = 700 * time.Millisecond
	if p.deaf() || w.chance(w.faults.leaseLost) {
		p.after(patience, func() { done(errNoReply) })
		return
	}
	w.after(w.trip(), func() {
		err := do()
		if w.chance(w.faults.leaseLost) {
			w.saw("lease's answer lost")
			p.after(patience, func() { done(errNoReply) })
			return
		}
		p.after(w.trip(), func() { done(err) })
	})
}

// acquire takes a lease that is free, or that a life before had.
func (b *bucket) acquire(p *process, name string, done func(*lease, error)) {
	l := &lease{p: p, name: name, nonce: b.w.below(1 << 30)}
	sent := b.w.now
	b.request(p, func() error {
		if k := b.keys[name]; k != nil && k.holder != p.node.name {
			return errHeld
		}
		b.write(name, p.node.name, l.nonce)
		return nil
	}, func(err error) {
		if err != nil {
			done(nil, err)
			return
		}
		l.hold(sent)
		done(l, nil)
	})
}

func (l *lease) hold(sent time.Time) {
	l.until = sent.Add(leaseTTL - leaseTTL/5)
}

// renew makes leases live anew, in one go, and tells of each what came of it.
func (b *bucket) renew(p *process, leases []*lease, done func(*lease, error)) {
	sent := b.w.now
	leases = slices.DeleteFunc(leases, func(l *lease) bool { return l.busy || l.lost })
	errs := make([]error, len(leases))
	for _, l := range leases {
		l.busy = true
	}
	b.request(p, func() error {
		for i, l := range leases {
			k := b.keys[l.name]
			switch {
			case k == nil || k.nonce != l.nonce:
				errs[i] = errLost
			case b.w.chance(b.w.faults.leaseLost):
				errs[i] = errNoReply
			default:
				k.expires = b.w.now.Add(leaseTTL)
			}
		}
		return nil
	}, func(err error) {
		for i, l := range leases {
			l.busy = false
			if l.lost {
				continue
			}
			each := cmp.Or(err, errs[i])
			if errors.Is(each, errLost) {
				l.lost = true
			} else if each == nil {
				l.hold(sent)
			}
			done(l, each)
		}
	})
}

// release frees a lease at once.
func (b *bucket) release(l *lease, done func()) {
	if l.lost {
		done()
		return
	}
	l.lost = true
	b.request(l.p, func() error {
		if k := b.keys[l.name]; k != nil && k.nonce == l.nonce {
			b.free(l.name)
		}
		return nil
	}, func(error) { done() })
}

func (b *bucket) write(name, holder string, nonce int) {
	k := b.keys[name]
	known := k != nil && k.holder == holder
	if k == nil {
		k = &key{}
		b.keys[name] = k
		b.w.after(leaseTTL, func() { b.expire(name, k) })
	}
	k.holder, k.nonce, k.expires = holder, nonce, b.w.now.Add(leaseTTL)
	if !known {
		b.tell(name, holder)
	}
}

// expire frees a key that nobody has renewed.
func (b *bucket) expire(name string, k *key) {
	if b.keys[name] != k {
		return
	}
	if left := k.expires.Sub(b.w.now); left > 0 {
		b.w.after(left, func() { b.expire(name, k) })
		return
	}
	b.w.saw("lease ran out")
	b.free(name)
}

func (b *bucket) free(name string) {
	delete(b.keys, name)
	b.tell(name, "")
}

// wipe loses all leases, whose holders do not know it yet.
func (b *bucket) wipe() {
	for _, name := range slices.Sorted(maps.Keys(b.keys)) {
		b.free(name)
	}
}

// watch has a process told what is held, and what changes.
func (b *bucket) watch(p *process) {
	b.watchers = append(slices.DeleteFunc(b.watchers, func(p *process) bool { return p.dead }), p)
	for _, name := range slices.Sorted(maps.Keys(b.keys)) {
		p.sees(name, b.keys[name].holder)
	}
}

func (b *bucket) tell(name, holder string) {
	for _, p := range b.watchers {
		p.sees(name, holder)
	}
}
