package mockdialer

import "time"

// Times says when something happens, counted from when its plan was set.
type Times struct {
	After time.Duration // until the first time
	For   time.Duration // how long it lasts; 0 is without end
	Every time.Duration // from one beginning to the next; 0 is once
}

// begun is how often it has begun by then.
func (t Times) begun(elapsed time.Duration) int {
	switch {
	case elapsed < t.After:
		return 0
	case t.Every == 0:
		return 1
	}
	return 1 + int((elapsed-t.After)/t.Every)
}

// into is how long the present time has lasted; begun must be above 0.
func (t Times) into(elapsed time.Duration) time.Duration {
	elapsed -= t.After
	if t.Every > 0 {
		elapsed %= t.Every
	}
	return elapsed
}

// holds reports whether it is on.
func (t Times) holds(elapsed time.Duration) bool {
	return t.begun(elapsed) > 0 && (t.For == 0 || t.into(elapsed) < t.For)
}

// next is how long nothing changes, or never.
func (t Times) next(elapsed time.Duration) time.Duration {
	if t.begun(elapsed) == 0 {
		return t.After - elapsed
	}
	into := t.into(elapsed)
	switch {
	case into < t.For:
		return t.For - into
	case t.Every > 0:
		return t.Every - into
	}
	return never
}

// never is farther off than any change.
const never = 1 << 62 * time.Nanosecond
