package breaker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/provider/breaker"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// play has requests go one after the other, each of which ends at once.
func play(b *breaker.Breaker, now time.Time, results string) {
	for _, r := range results {
		b.End(b.Begin(now), r == 'x', now)
	}
}

func TestOpens(t *testing.T) {
	cfg := breaker.Config{Consecutive: 5, Ratio: 0.5, Requests: 20, Window: 10 * time.Second}
	for name, c := range map[string]struct {
		results string
		every   time.Duration
		want    breaker.State
	}{
		"a streak":                   {"xxxxx", 0, breaker.Open},
		"a shorter one":              {"xxxx", 0, breaker.Closed},
		"a broken streak":            {"xxxx.xxxx", 0, breaker.Closed},
		"half of enough":             {".x.x.x.x.x.x.x.x.x.x", 0, breaker.Open},
		"half of too few":            {".x.x.x.x.x.x.x.x.x", 0, breaker.Closed},
		"less than half":             {"..x..x..x..x..x..x..x..x..x..x", 0, breaker.Closed},
		"half of enough, but spread": {".x.x.x.x.x.x.x.x.x.x.x.x.x.x", time.Second, breaker.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			b, now := breaker.New(cfg), noon
			for _, r := range c.results {
				play(b, now, string(r))
				now = now.Add(c.every)
			}
			require.Equal(t, c.want, b.State(now))
			require.Equal(t, c.want == breaker.Closed, b.Allows(now))
		})
	}
}

func opened(t *testing.T, cfg breaker.Config) *breaker.Breaker {
	b := breaker.New(cfg)
	play(b, noon, "xxxxx")
	require.Equal(t, breaker.Open, b.State(noon))
	return b
}

func TestProbes(t *testing.T) {
	cfg := breaker.Config{OpenFor: 4 * time.Second, MostOpenFor: 10 * time.Second, Probes: 3}
	b := opened(t, cfg)
	require.Equal(t, noon.Add(4*time.Second), b.Until())
	require.False(t, b.Allows(noon.Add(4*time.Second-1)))
	now := noon.Add(4 * time.Second)
	require.True(t, b.Allows(now))
	require.Equal(t, breaker.HalfOpen, b.State(now))
	require.Zero(t, b.Until())

	first, second, third := b.Begin(now), b.Begin(now), b.Begin(now)
	require.False(t, b.Allows(now), "no more probes than said")
	b.End(first, true, now)
	require.Equal(t, breaker.HalfOpen, b.State(now), "one of three says nothing yet")
	b.End(second, false, now)
	require.False(t, b.Allows(now))
	b.End(third, false, now)
	require.Equal(t, breaker.Closed, b.State(now))
	play(b, now, "xxxx")
	require.Equal(t, breaker.Closed, b.State(now), "what failed before is forgotten")
}

func TestFailedProbesOpenForLonger(t *testing.T) {
	b := opened(t, breaker.Config{OpenFor: 4 * time.Second, MostOpenFor: 10 * time.Second, Probes: 5})
	now := noon
	for _, wait := range []time.Duration{4, 8, 10, 10} {
		require.Equal(t, now.Add(wait*time.Second), b.Until())
		now = b.Until()
		play(b, now, "x.x")
		require.Equal(t, breaker.HalfOpen, b.State(now))
		play(b, now, "x")
		require.Equal(t, breaker.Open, b.State(now))
	}
	now = b.Until()
	play(b, now, "...")
	require.Equal(t, breaker.Closed, b.State(now))
	play(b, now, "xxxxx")
	require.Equal(t, now.Add(4*time.Second), b.Until(), "it begins anew")
}

// A request that hung for as long as the provider was down says nothing of it now.
func TestWhatBeganBeforeDoesNotCount(t *testing.T) {
	b := breaker.New(breaker.Config{OpenFor: time.Second})
	old := b.Begin(noon)
	play(b, noon, "xxxxx")
	now := noon.Add(time.Second)
	require.Equal(t, breaker.HalfOpen, b.State(now))
	b.End(old, true, now)
	require.Equal(t, breaker.HalfOpen, b.State(now))
	play(b, now, "..")
	b.End(old, false, now)
	require.Equal(t, breaker.HalfOpen, b.State(now))
	play(b, now, ".")
	require.Equal(t, breaker.Closed, b.State(now))
}

// Time-outs of requests that began before the latest answered one come in a row, when
// nothing else is under way: they are no streak.
func TestLateFailuresAreNoStreak(t *testing.T) {
	b := breaker.New(breaker.Config{Consecutive: 3})
	var slow []breaker.Ticket
	for i := range 10 {
		slow = append(slow, b.Begin(noon.Add(time.Duration(i)*time.Millisecond)))
	}
	play(b, noon.Add(8*time.Millisecond), ".")
	for _, s := range slow {
		b.End(s, true, noon.Add(time.Second))
	}
	require.Equal(t, breaker.Closed, b.State(noon.Add(time.Second)), "two of them began after it")
	play(b, noon.Add(time.Second), "x")
	require.Equal(t, breaker.Open, b.State(noon.Add(time.Second)))
}

// A provider that hangs on most requests, and answers some at once, is failing, though
// each time-out is heard of after a later request was answered.
func TestHangingOnMost(t *testing.T) {
	b := breaker.New(breaker.Config{Window: 10 * time.Second, Ratio: 0.5, Requests: 20})
	hung := map[time.Time][]breaker.Ticket{}
	for i := range 2000 {
		now := noon.Add(time.Duration(i) * 10 * time.Millisecond)
		for _, t := range hung[now] {
			b.End(t, true, now)
		}
		if b.State(now) == breaker.Open {
			return
		}
		if ticket := b.Begin(now); i%5 == 0 {
			b.End(ticket, false, now)
		} else {
			hung[now.Add(3*time.Second)] = append(hung[now.Add(3*time.Second)], ticket)
		}
	}
	require.Fail(t, "it stays closed")
}

func TestAProbeThatNobodyHearsOfGivesItsPlaceBack(t *testing.T) {
	b := opened(t, breaker.Config{OpenFor: time.Second, Probes: 1, ProbeFor: 7 * time.Second})
	now := noon.Add(time.Second)
	probe := b.Begin(now)
	require.False(t, b.Allows(now.Add(7*time.Second-1)))
	require.True(t, b.Allows(now.Add(7*time.Second)))
	b.Begin(now.Add(7 * time.Second))
	b.Drop(probe)
	require.True(t, b.Allows(now.Add(7*time.Second)), "and so does one that was not sent")
}

// Whatever happens: no more probes than said go out in one half-open state before it is
// decided, and time alone always leads out of open.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := breaker.Config{
			Consecutive: rapid.IntRange(1, 6).Draw(t, "consecutive"), Probes: rapid.IntRange(1, 4).Draw(t, "probes"),
			OpenFor: time.Second, MostOpenFor: 8 * time.Second, ProbeFor: time.Hour,
		}
		b, now := breaker.New(cfg), noon
		var underway []breaker.Ticket
		probes := 0
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				if !b.Allows(now) {
					t.Skip()
				}
				if b.State(now) == breaker.HalfOpen {
					probes++
					require.LessOrEqual(t, probes, cfg.Probes)
				}
				underway = append(underway, b.Begin(now))
			},
			"end": func(t *rapid.T) {
				if len(underway) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(underway)-1).Draw(t, "which")
				ticket, failed := underway[i], rapid.Bool().Draw(t, "failed")
				underway = append(underway[:i], underway[i+1:]...)
				was := b.State(now)
				b.End(ticket, failed, now)
				if b.State(now) != was {
					probes = 0
				}
			},
			"wait": func(t *rapid.T) {
				was := b.State(now)
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
				if b.State(now) != was {
					probes = 0
				}
			},
			"": func(t *rapid.T) {
				if u := b.Until(); !u.IsZero() {
					require.True(t, u.After(now) && !u.After(now.Add(cfg.MostOpenFor)))
					require.False(t, b.Allows(now))
				}
			},
		})
	})
}
