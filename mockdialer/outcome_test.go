package mockdialer_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/mockdialer"
)

func TestOutcomesText(t *testing.T) {
	var o mockdialer.Outcomes
	require.NoError(t, o.UnmarshalText([]byte("completed=70, busy=20,failed=0")))
	require.Equal(t, mockdialer.Outcomes{Completed: 70, Busy: 20}, o)
	require.Equal(t, "completed=70,busy=20,no-answer=0,failed=0", o.String())

	for text, part := range map[string]string{
		"":                        `""`,
		"completed=70,buzy=10":    `"buzy=10"`,
		"completed":               `"completed"`,
		"completed=many":          `"completed=many"`,
		"completed=-1":            `"completed=-1"`,
		"completed=1,completed=2": `"completed=2"`,
		"canceled=1":              `"canceled=1"`,
		"completed=0,busy=0":      `"completed=0,busy=0"`,
		"completed=99999999":      `"completed=99999999"`,
	} {
		before := o
		require.ErrorContains(t, o.UnmarshalText([]byte(text)), part, text)
		require.Equal(t, before, o)
	}
}

func TestOutcomesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.IntRange(0, 1000)
		o := mockdialer.Outcomes{Completed: w.Draw(t, "c"), Busy: w.Draw(t, "b"), NoAnswer: w.Draw(t, "n"), Failed: 1 + w.Draw(t, "f")}
		text, err := o.MarshalText()
		require.NoError(t, err)
		var back mockdialer.Outcomes
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, o, back)
	})
}

func TestDurationRangeText(t *testing.T) {
	for text, want := range map[string]mockdialer.DurationRange{
		"10s":    mockdialer.Fixed(10 * time.Second),
		"0s":     {},
		"2s-90s": {Min: 2 * time.Second, Max: 90 * time.Second},
		"0-1m":   {Max: time.Minute},
	} {
		var got mockdialer.DurationRange
		require.NoError(t, got.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, got)
		back, err := mockdialer.ParseDurationRange(got.String())
		require.NoError(t, err)
		require.Equal(t, want, back)
	}
	for text, part := range map[string]string{
		"": `""`, "10": `"10"`, "5x": `"5x"`, "-3s": `""`, "2s-": `""`, "2s-3y": `"3y"`, "9s-2s": "2s", "1s-2s-3s": `"2s-3s"`,
	} {
		var got mockdialer.DurationRange
		require.ErrorContains(t, got.UnmarshalText([]byte(text)), part, text)
	}
}

func TestStatusText(t *testing.T) {
	var s mockdialer.Status
	require.NoError(t, s.UnmarshalText([]byte("no-answer")))
	require.Equal(t, mockdialer.NoAnswer, s)
	require.ErrorContains(t, s.UnmarshalText([]byte("gone")), `"gone"`)
	require.Equal(t, "Status(99)", mockdialer.Status(99).String())
}

// outcomeOf is what a run is compared by: how the nth call to a number ended.
func outcomesOf(s *mockdialer.Server) map[string]mockdialer.Status {
	out, count := map[string]mockdialer.Status{}, map[string]int{}
	for _, e := range s.Ledger() {
		out[fmt.Sprint(e.To, " ", count[e.To])] = e.Status
		count[e.To]++
	}
	return out
}

func TestOutcomesDoNotDependOnTheOrder(t *testing.T) {
	const numbers, times = 40, 5
	run := func(seed uint64, backwards bool, clients int) map[string]mockdialer.Status {
		s := start(t, mockdialer.Config{Seed: seed})
		h := newInProcess(s)
		todo := make(chan int, numbers*times)
		for i := range numbers * times {
			if backwards {
				i = numbers*times - 1 - i
			}
			todo <- i
		}
		close(todo)
		var wg conc.WaitGroup
		for range clients {
			wg.Go(func() {
				for i := range todo {
					assert.Equal(t, 201, h.create(fmt.Sprintf("+1555%07d", i%numbers), ""))
				}
			})
		}
		wg.Wait()
		return outcomesOf(s)
	}
	want := run(1, false, 1)
	require.Len(t, want, numbers*times)
	require.Equal(t, want, run(1, true, 1))
	require.Equal(t, want, run(1, false, 16))
	require.NotEqual(t, want, run(2, false, 1))
}

// The mix is within four standard deviations of what the weights say.
func TestOutcomeMix(t *testing.T) {
	const n = 20_000
	s := start(t, mockdialer.Config{Seed: 3})
	var wg conc.WaitGroup
	var mu sync.Mutex
	next := 0
	h := newInProcess(s)
	for range 4 {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n {
					return
				}
				assert.Equal(t, 201, h.create(fmt.Sprintf("+1555%07d", i), ""))
			}
		})
	}
	wg.Wait()
	got := s.Summary().ByStatus
	for status, share := range map[mockdialer.Status]float64{
		mockdialer.Completed: 0.7, mockdialer.Busy: 0.1, mockdialer.NoAnswer: 0.1, mockdialer.Failed: 0.1,
	} {
		require.InDelta(t, share*n, got[status], 4*math.Sqrt(n*share*(1-share)), status)
	}
}

func TestScript(t *testing.T) {
	s := start(t, mockdialer.Config{
		Duration: mockdialer.Fixed(time.Hour), Outcomes: only(mockdialer.Completed),
		Script: map[string][]mockdialer.Outcome{callee: {
			{Status: mockdialer.Busy, Duration: new(time.Duration(0))},
			{Status: mockdialer.NoAnswer, Duration: new(time.Duration(0))},
		}},
	})
	for range 3 {
		create(t, s)
	}
	create(t, s, "To", "+15550000003")
	r := statuses(s)
	require.Equal(t, []mockdialer.Status{mockdialer.Busy, mockdialer.NoAnswer}, r[:2])
	require.False(t, r[2].Ended(), "beyond the script the seed decides")
	require.False(t, r[3].Ended())
}

func TestConfigTellsAllFaults(t *testing.T) {
	_, err := mockdialer.New(mockdialer.Config{
		Account: "a/b", Duration: mockdialer.DurationRange{Min: 2, Max: 1}, Outcomes: mockdialer.Outcomes{Busy: -1},
		Channels: -1, MaxConcurrentRequests: -1, CallbackRetries: -2, CallbackRetryDelay: -1, CallbackWorkers: -1,
		Script: map[string][]mockdialer.Outcome{"x": nil, callee: {{Status: mockdialer.Canceled}}},
	})
	var faults campaign.Errors
	require.ErrorAs(t, err, &faults)
	fields := map[string]int{}
	for _, f := range faults {
		fields[f.Field]++
	}
	require.Equal(t, map[string]int{
		"account": 1, "duration": 1, "outcomes": 1, "channels": 1, "max_concurrent_requests": 1,
		"callback_retries": 1, "callback_retry_delay": 1, "callback_workers": 1, "script": 2,
	}, fields)
	require.NoError(t, mockdialer.Config{}.Validate())
}
