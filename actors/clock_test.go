package actors

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// beat is how often a clock looks whether it still runs.
const beat = 5 * time.Millisecond

// clock is time as this process had it: it stands still while the machine, busy with others,
// lets none of our goroutines run.  So a bar on it is as strict as what was promised, and no
// pause of the machine's is taken for one of ours.  Its goroutine, run, notes what it
// oversleeps; a beat may be late by another.
type clock struct {
	run conc.WaitGroup

	mu    sync.Mutex
	began time.Time
	awake time.Time     // when run was last
	lost  time.Duration // up to then
}

// startClock runs until the test ends.
func startClock(t *testing.T) *clock {
	c := &clock{began: time.Now()}
	c.awake = c.began
	ctx, cancel := context.WithCancel(context.Background())
	c.run.Go(func() { c.watch(ctx) })
	t.Cleanup(func() {
		cancel()
		c.run.Wait()
		t.Logf("of %v the process did not run for %v", time.Since(c.began), c.lost)
	})
	return c
}

func (c *clock) watch(ctx context.Context) {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		c.wake()
		timer.Reset(beat)
	}
}

func (c *clock) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.lost += c.overslept(now)
	c.awake = now
}

// overslept is what is lost since the clock was last awake.
func (c *clock) overslept(now time.Time) time.Duration { return max(0, now.Sub(c.awake)-2*beat) }

// now is how long the clock has run.
func (c *clock) now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	return now.Sub(c.began) - c.lost - c.overslept(now)
}

func (c *clock) since(began time.Duration) time.Duration { return c.now() - began }
