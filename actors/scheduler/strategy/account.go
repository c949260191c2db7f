package strategy

import "time"

// account is what is known of the calls that a node has up.
//
// A guess may be far too low: that of a campaign with long calls which begins beside
// others with short ones is theirs.  Settled only at the end of a call, it would let the
// campaign take all that is freed for as long as its first call lasts.  So more is
// charged ahead, as it shows (pay).
type account struct {
	up      int
	first   float64 // when the first was charged since none was up, seconds of the tree's clock
	began   float64 // sum of when they were charged
	charged float64 // sum of the guesses
	ahead   float64 // charged beyond those
}

// open takes in a call that is charged with a guess.
func (a *account) open(c Charge) {
	if a.up == 0 {
		a.first = c.at
	}
	a.up++
	a.began += c.at
	a.charged += c.cost
}

// close lets go of a call, which cost so much more than its guess, and returns how much
// of that was charged ahead.
func (a *account) close(c Charge, more float64) (paid float64) {
	a.up--
	a.began -= c.at
	a.charged -= c.cost
	if a.up > 0 {
		paid = min(a.ahead, max(more, 0))
		a.ahead -= paid
		return paid
	}
	paid = a.ahead
	*a = account{} // no rest of rounding is left
	return paid
}

// open charges a call that begins, or is taken over.
func (t *tree) open(n *node, c Charge, now time.Time) Charge {
	c.under, c.stay, c.at = n.parent, n.stay, t.seconds(now)
	for ; n.parent != nil; n = n.parent {
		n.account.open(c)
		n.charge(c.cost)
	}
	return c
}

// close charges a call that has ended with what it cost more than its guess, or less.
func (t *tree) close(n *node, c Charge, more float64) {
	own := 0.0 // what the campaign had paid
	for ; n.parent != nil; n = n.parent {
		paid := n.account.close(c, more)
		n.charge(more - paid)
		if n.family == childless {
			own = paid
		} else if n.own = max(0, n.own-max(0, paid-own)); n.up == 0 {
			n.own = 0
		}
	}
}

// spent is what a token cost that was held so long; one that was not used cost
// nothing.
func (t *tree) spent(c Charge, held time.Duration) float64 {
	switch {
	case held == 0:
		return 0
	case c.kind == adopted:
		return held.Seconds() * t.perSecond
	}
	return t.cost(held.Seconds())
}

// pay charges a node, and those above it, ahead for its calls, and reports whether it
// did: at least for what they, taken together, have used by now.  It is one mean guess
// or more at a time, else each Next would find a little.
//
// Of a campaign of which nothing else is known, the age of its first call says how long
// they last: taken to be halfway through, as the one who comes upon something at an
// unknown time of its life (Gott, Nature 363, 1993).
func (t *tree) pay(n *node, now float64) bool {
	if n.up == 0 {
		return false
	}
	arrears := t.used(n, now) - n.charged - n.ahead
	if arrears > 0 {
		arrears = max(arrears, n.charged/float64(n.up))
	}
	if age := now - n.first; n.blind() && age > n.length {
		n.length = 2 * age
		arrears = max(arrears, t.shortfall(n))
	}
	if arrears <= 0 {
		return false
	}
	t.advance(n, arrears)
	return true
}

// used is what the calls have used that a node has up.
func (t *tree) used(n *node, now float64) float64 {
	return (float64(n.up)*now - n.began) * t.perSecond
}

// shortfall is what a campaign's calls cost, as it is guessed now, beyond what they are
// charged with.
func (t *tree) shortfall(n *node) float64 {
	return float64(n.up)*t.guess(n) - n.charged - n.ahead
}

// correct gives back what was charged ahead to a campaign and turns out to be too much:
// more than is guessed now, and more than was used.
func (t *tree) correct(n *node) {
	owed := max(float64(n.up)*t.guess(n), t.used(n, t.since))
	if over := min(n.charged+n.ahead-owed, n.ahead); over > 0 {
		t.advance(n, -over)
	}
}

// advance charges a node and those above it ahead, or gives back.  What a group has paid
// by itself it does not pay again for its campaign.
func (t *tree) advance(n *node, cost float64) {
	if n.family != childless {
		n.own += cost
	}
	n.prepay(cost)
	for n = n.parent; n.parent != nil; n = n.parent {
		has := min(max(cost, 0), n.own)
		n.own -= has
		n.prepay(cost - has)
	}
}

// prepay charges a node ahead, or gives back what it was.
func (n *node) prepay(cost float64) {
	cost = max(cost, -n.ahead)
	n.ahead += cost
	n.charge(cost)
}

// blind reports whether nothing is known of how long a campaign's calls last.
func (n *node) blind() bool { return n.calls == 0 && !n.told && n.family == childless }

// seconds are those of the tree's clock.
func (t *tree) seconds(now time.Time) float64 {
	if t.epoch.IsZero() {
		t.epoch = now
	}
	if now != t.seen { // else it is the grant that follows the question who is next
		t.seen, t.since = now, now.Sub(t.epoch).Seconds()
	}
	return t.since
}
