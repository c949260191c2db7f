package mockdialer

// filter says which calls a list holds.  Empty fields let every call through.
type filter struct {
	to, from     string
	status       Status
	byStatus     bool
	since, until int64 // of the start time; a call without one fits neither
}

func (f *filter) fits(c *call, now int64) bool {
	switch {
	case f.to != "" && c.to != f.to, f.from != "" && c.from != f.from:
		return false
	case f.byStatus && c.status(now) != f.status:
		return false
	case f.since == 0 && f.until == 0:
		return true
	}
	start := c.startedAt(now)
	return start != 0 && start >= f.since && (f.until == 0 || start <= f.until)
}

// row is a copy of a call, with the time at which it was taken.
type row struct {
	call  call
	index uint32
	now   int64
}

// lockSteps is how many calls are looked at under one lock, so that a long list
// does not hold up the creates.
const lockSteps = 2048

// scan copies up to limit calls that fit, the newest first, after skipping some.
// It begins below the call whose index is after-1, or with the newest if after
// is 0.
func (b *book) scan(f *filter, after uint32, skip, limit int) (rows []row) {
	for {
		done := true
		after, done = b.scanSome(f, after, func(r row) bool {
			if skip > 0 {
				skip--
				return true
			}
			rows = append(rows, r)
			return len(rows) < limit
		})
		if done {
			return rows
		}
	}
}

// scanSome takes lockSteps steps; it returns where to go on, or that it is done.
func (b *book) scanSome(f *filter, after uint32, take func(row) bool) (uint32, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	next := b.older(f, after)
	for range lockSteps {
		if next == 0 {
			return 0, true
		}
		c := b.at(next - 1)
		if f.fits(c, now) && !take(row{call: *c, index: next - 1, now: now}) {
			return 0, true
		}
		after, next = next, b.older(f, next)
	}
	return after, false
}

// older is 1 + the index of the call to look at after one, 0 at the end.  A list
// of one number follows that number's trail.
func (b *book) older(f *filter, after uint32) uint32 {
	switch {
	case after == 0 && f.to != "":
		after = b.numbers[f.to].last
	case after == 0:
		after = uint32(b.count)
	case f.to != "" && b.at(after-1).to == f.to:
		after = b.at(after - 1).previous
	default:
		after--
	}
	if after <= b.forgotten.Load() {
		return 0
	}
	return after
}

// each gives every call, in the order of receipt, to a function that works
// outside the lock, until that returns an error.
func (b *book) each(take func(*row) error) error {
	rows := make([]row, 0, pageCalls)
	for first := 0; ; first += len(rows) {
		rows = b.copyFrom(first, rows[:0])
		if len(rows) == 0 {
			return nil
		}
		for i := range rows {
			if err := take(&rows[i]); err != nil {
				return err
			}
		}
	}
}

func (b *book) copyFrom(first int, rows []row) []row {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for i := first; i < b.count && len(rows) < cap(rows); i++ {
		rows = append(rows, row{call: *b.at(uint32(i)), index: uint32(i), now: now})
	}
	return rows
}

// holds reports whether the API knows a call with this index.
func (b *book) holds(index uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(index) < b.count && index >= b.forgotten.Load()
}

// read copies one call.
func (b *book) read(index uint32) (call, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.at(index), b.now()
}
