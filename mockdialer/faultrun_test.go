package mockdialer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTimes(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		times Times
		on    []time.Duration // begins and ends by turns
	}{
		{Times{For: 2 * s}, []time.Duration{0, 2 * s}},
		{Times{After: 3 * s, For: 10 * s}, []time.Duration{3 * s, 13 * s}},
		{Times{After: 3 * s}, []time.Duration{3 * s}},
		{Times{After: 1 * s, For: 2 * s, Every: 5 * s}, []time.Duration{1 * s, 3 * s, 6 * s, 8 * s, 11 * s, 13 * s, 16 * s, 18 * s, 21 * s}},
	} {
		passed := 0
		for now := time.Duration(0); now < 20*s; now += s / 2 {
			for passed < len(c.on) && c.on[passed] <= now {
				passed++
			}
			require.Equal(t, passed%2 == 1, c.times.holds(now), "%+v at %v", c.times, now)
			require.Equal(t, (passed+1)/2, c.times.begun(now), "%+v at %v", c.times, now)
			next := time.Duration(never)
			if passed < len(c.on) {
				next = c.on[passed] - now
			}
			require.Equal(t, next, c.times.next(now), "%+v at %v", c.times, now)
		}
	}
}

// sequence is what a plan holds for the first requests to each of some numbers,
// asked for in some order.
func sequence(p FaultPlan, of operation, order []int) map[string][]faultSet {
	run, out := newFaultRun(p), map[string][]faultSet{}
	for _, i := range order {
		number := fmt.Sprintf("+155500000%02d", i)
		out[number] = append(out[number], run.request(of, number).faults)
	}
	return out
}

// The same seed gives every number the same faults, whatever the order in which the
// requests of all arrive.
func TestFaultsAreAFunctionOfTheSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := FaultPlan{Seed: rapid.Uint64().Draw(t, "seed"), Rates: FaultRates{
			FaultSlow: 0.3, FaultHang: 0.1, Fault500After: 0.3, Fault429: 0.2, FaultFetch500: 0.5,
		}}
		of := operation(rapid.IntRange(int(ofCreate), int(ofHangUp)).Draw(t, "of"))
		order := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 60).Draw(t, "order")
		shuffled := rapid.Permutation(order).Draw(t, "shuffled")
		require.Equal(t, sequence(p, of, order), sequence(p, of, shuffled))
	})
}

func TestCallbackFaultsAreAFunctionOfTheSeed(t *testing.T) {
	p := FaultPlan{Seed: 5, Rates: FaultRates{FaultCallbackDropped: 0.2, FaultCallbackRepeated: 0.3, FaultCallbackDelayed: 0.3}}
	ask := func(backwards bool) (out [100]string) {
		run := newFaultRun(p)
		var calls [25]call
		for i := range calls {
			calls[i] = call{to: "+15550000001", fate: run.request(ofCreate, "+15550000001")}
		}
		for i := range out {
			if backwards {
				i = len(out) - 1 - i
			}
			set, delays := run.callback(&job{call: &calls[i/4], event: 1 << (i % 4)})
			out[i] = fmt.Sprint(set, delays)
		}
		return out
	}
	require.Equal(t, ask(false), ask(true))
	p.Seed = 6
	other := ask(false)
	p.Seed = 5
	require.NotEqual(t, ask(false), other)
}

// Each fault comes as often as its rate says, and one of those that settle the
// answer at most.
func TestRatesHold(t *testing.T) {
	rates := FaultRates{}
	for f := range faultCount {
		if f.plannable() {
			rates[f] = 0.1
		}
	}
	run := newFaultRun(FaultPlan{Seed: 1, Rates: rates})
	const n = 20_000
	var seen [faultCount]int
	note := func(s faultSet) {
		ended := 0
		for _, f := range s.list() {
			seen[f]++
			if f.ends() {
				ended++
			}
		}
		require.LessOrEqual(t, ended, 1)
	}
	for i := range n {
		number := fmt.Sprintf("+1555%07d", i)
		for of := ofCreate; of <= ofHangUp; of++ {
			note(run.request(of, number).faults)
		}
		set := run.draw(ofCallback, mix(uint64(i)))
		note(set)
	}
	for f := range rates {
		require.InDelta(t, 0.1*n, seen[f], 0.01*n, f)
	}
}

func TestPeriodsGoBeforeRates(t *testing.T) {
	run := newFaultRun(FaultPlan{
		Rates: FaultRates{Fault500: 0.5, FaultSlow: 0.25},
		Periods: []FaultPeriod{
			{Times: Times{After: time.Second, For: 2 * time.Second}, Rates: FaultRates{Fault500: 1}},
			{Times: Times{After: 2 * time.Second}, Rates: FaultRates{Fault500: 0, Fault429: 1}},
		},
	})
	for elapsed, want := range map[time.Duration][3]float64{
		0: {0.5, 0, 0.25}, time.Second: {1, 0, 0.25}, 2 * time.Second: {0, 1, 0.25}, time.Hour: {0, 1, 0.25},
	} {
		r := run.rates(elapsed)
		require.Equal(t, want, [3]float64{r[Fault500], r[Fault429], r[FaultSlow]}, elapsed)
	}
}
