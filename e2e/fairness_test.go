package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"dialtone/e2e/judge"
	"dialtone/internal/load"
)

// raceSlack is by how much bars of milliseconds are wider under the race detector.
const raceSlack = 3

// area keeps the calls to the numbers of an area: those of one campaign.
func inArea(l ledger, area int) (out ledger) {
	for _, e := range l {
		if strings.HasPrefix(e.To, prefix(area)) {
			out = append(out, e)
		}
	}
	return out
}

// shares are the slot-seconds of the first n areas in a span.
func shares(l ledger, n int, s judge.Span) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = inArea(l, i).SlotSeconds(s)
	}
	return out
}

// crowd starts a campaign for each area, with so many numbers and these settings.
func (r *rig) crowd(numbers []int, each func(area int) settings) (ids []string) {
	for area, n := range numbers {
		s := each(area)
		s["name"] = fmt.Sprint("area ", area)
		ids = append(ids, r.load(s, berlin(area, n)))
	}
	for _, id := range ids {
		r.command(id, "start")
	}
	return ids
}

// settling is how long the shares of campaigns that have just begun may be uneven: a
// campaign that begins a moment before the others has all channels until its first
// calls end.
const settling = 12 * time.Second

// steady waits until shares have settled, and then for so long, and returns that span.
// It should be a multiple of the longest call, or be long beside it: calls that began
// together end together.
func (r *rig) steady(length time.Duration) judge.Span {
	r.t.Helper()
	pause(r.t, settling)
	s := judge.Span{From: time.Now()}
	s.To = s.From.Add(length)
	pause(r.t, length)
	return s
}

// finish cancels the campaigns, which must all have had numbers left: else a share
// says nothing.
func (r *rig) finish(ids []string) {
	r.t.Helper()
	for _, id := range ids {
		assert.Positive(r.t, r.campaign(id).Stats.Queued, "numbers were waiting until the end")
		r.command(id, "cancel")
	}
}

// Ten campaigns on 100 channels, half of them with calls of 0.4 s and half with calls of
// 9 s: shares of the slots are equal, and not the numbers of calls.  Handing slots out in
// turn leaves the short ones 0.42 / (0.42 + 9.2) = 4 % each of a long one's share, which
// is a Jain index of 0.55.
func TestFairShareOfSlotSecondsAmongTen(t *testing.T) {
	t.Parallel()
	if load.Raced {
		t.Skip("200 calls a second are more than two cores do under the race detector: slots stand idle, and the index says nothing")
	}
	lines := make(chan string, 2)
	t.Run("strategy", func(t *testing.T) {
		for strategy, ok := range map[string]func(index float64) bool{
			"fair":        func(index float64) bool { return index >= 0.99 },
			"round_robin": func(index float64) bool { return index < 0.7 },
		} {
			t.Run(strategy, func(t *testing.T) {
				t.Parallel()
				short, long := skewed(t, strategy)
				index := jain(append(short, long...))
				assert.True(t, ok(index), "%s: Jain index %.4f", strategy, index)
				lines <- fmt.Sprintf("| %s | %.4f | %.0f | %.0f |", strategy, index, mean(short), mean(long))
			})
		}
	})
	close(lines)
	t.Log("| strategy | Jain index of slot-seconds | a campaign of 0.4 s calls | a campaign of 9 s calls |")
	for line := range lines {
		t.Log(line)
	}
}

// skewed runs the ten, and returns the slot-seconds of those with short calls and of
// those with long ones.
func skewed(t *testing.T, strategy string) (short, long []float64) {
	const longest = 9200 * time.Millisecond // it rings for 0.2 s
	options := []option{calls("9s", allComplete), channels(100)}
	sizes := []int{5000, 5000, 5000, 5000, 5000, 400, 400, 400, 400, 400}
	for area := range 5 {
		options = append(options, lasting(area, "400ms"))
	}
	r := newRig(t, options...)
	r.do(http.MethodPut, "/v1/scheduler", settings{"strategy": strategy}, nil)
	ids := r.crowd(sizes, func(int) settings { return settings{"max_concurrent_calls": 100} })
	s := r.steady(longest)
	r.finish(ids)
	l := r.ledger()
	assert.Greater(t, l.Utilisation(s, 100), 0.9, "the channels were in use")
	assert.LessOrEqual(t, l.Peak(), 100)
	of := shares(l, 10, s)
	return of[:5], of[5:]
}

func mean(of []float64) (m float64) {
	for _, x := range of {
		m += x / float64(len(of))
	}
	return m
}

// Weights of 1, 2 and 4 give shares of the slot-seconds within 5 % of that.
func TestFairShareByWeight(t *testing.T) {
	t.Parallel()
	length := "1s-2s" // so long that a busy machine, too, has each channel in use
	if load.Raced {
		length = "2s-4s"
	}
	r := newRig(t, calls(length, allComplete), channels(70))
	weights := []float64{1, 2, 4}
	ids := r.crowd([]int{3000, 3000, 3000}, func(area int) settings {
		return settings{"max_concurrent_calls": 100, "weight": weights[area]}
	})
	if load.Raced {
		pause(t, settling) // goes by the length of calls
	}
	s := r.steady(24 * time.Second)
	r.finish(ids)
	l := r.ledger()
	if used := l.Utilisation(s, 70); load.Raced && used < 0.9 {
		t.Skipf("channels were in use for %.0f %% of the time: the machine is too busy, slots stand idle, and the shares say nothing", 100*used)
	}
	of := shares(l, 3, s)
	total := of[0] + of[1] + of[2]
	t.Log("| weight | slot-seconds | of its share |")
	for i, got := range of {
		part := got / (total * weights[i] / 7)
		assert.InDelta(t, 1, part, 0.05, "weight %v has %.1f slot-seconds of %.1f", weights[i], got, total)
		t.Logf("| %v | %.1f | %.1f %% |", weights[i], got, 100*part)
	}
}
