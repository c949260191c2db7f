package breaker

import "time"

// slices is into how many parts a window is cut; it moves on by one of them at a time.
const slices = 10

// window counts the requests of the latest time.
type window struct {
	slice  time.Duration
	counts [slices]count
}

type count struct {
	slice      int64 // which one, since the epoch
	failed, of int
}

func newWindow(length time.Duration) window { return window{slice: max(length/slices, 1)} }

func (w *window) add(failed bool, now time.Time) {
	at := now.UnixNano() / int64(w.slice)
	c := &w.counts[at%slices]
	if c.slice != at {
		*c = count{slice: at}
	}
	c.of++
	if failed {
		c.failed++
	}
}

func (w *window) sum(now time.Time) (failed, of int) {
	at := now.UnixNano() / int64(w.slice)
	for i := range w.counts {
		if c := &w.counts[i]; c.slice > at-slices && c.slice <= at {
			failed += c.failed
			of += c.of
		}
	}
	return failed, of
}
