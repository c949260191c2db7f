package mockdialer_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/mockdialer"
)

// wholePlan has every field.
var wholePlan = mockdialer.FaultPlan{
	Seed:  1<<63 + 1,
	Rates: mockdialer.FaultRates{mockdialer.FaultSlow: 0.5, mockdialer.Fault500After: 0.25, mockdialer.FaultFetch429: 1, mockdialer.FaultCallbackDropped: 0.001},
	Periods: []mockdialer.FaultPeriod{{
		Times: mockdialer.Times{After: 3 * time.Second, For: 10 * time.Second, Every: time.Minute},
		Rates: mockdialer.FaultRates{mockdialer.FaultHangAfter: 0.75},
	}},
	Script: map[string][]mockdialer.FaultStep{callee: {
		{"create": {mockdialer.Fault500After, mockdialer.FaultSlow}, "completed": {mockdialer.FaultCallbackRepeated}}, {},
	}},
	Down:    &mockdialer.Outage{Times: mockdialer.Times{After: time.Second, For: 2 * time.Second, Every: time.Hour}, Forget: true},
	Forget:  &mockdialer.Times{After: 5 * time.Second, Every: time.Minute},
	HangFor: mockdialer.Fixed(time.Minute), SlowFor: mockdialer.DurationRange{Min: 1, Max: time.Second}, RetryAfter: 2 * time.Second,
	ShuffleBy: mockdialer.Fixed(time.Millisecond), DelayBy: mockdialer.Fixed(2 * time.Minute), Repeats: 3,
}

const wholeText = `{
	"seed": 9223372036854775809,
	"rates": {"slow": 0.5, "500_after": 0.25, "fetch_429": 1, "callback_dropped": 0.001},
	"periods": [{"after": "3s", "for": "10s", "every": "1m", "rates": {"hang_after": 0.75}}],
	"script": {"+15550000002": [{"create": ["500_after", "slow"], "completed": ["callback_repeated"]}, {}]},
	"down": {"after": "1s", "for": "2s", "every": "1h", "forget": true},
	"forget": {"after": "5s", "every": "1m"},
	"hang_for": "1m", "slow_for": "1ns-1s", "retry_after": "2s",
	"shuffle_by": "1ms", "delay_by": "2m", "repeats": 3
}`

func TestPlanIsReadAndWritten(t *testing.T) {
	got, err := mockdialer.ParseFaultPlan([]byte(wholeText))
	require.NoError(t, err)
	require.Equal(t, wholePlan, got)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	var again mockdialer.FaultPlan
	require.NoError(t, json.Unmarshal(text, &again), "%s", text)
	require.Equal(t, wholePlan, again)

	got, err = mockdialer.ParseFaultPlan([]byte(`
rates:
  500: 0.5
  callback_forged: 1
script:
  +15550000002:
    - create: [hang]
`))
	require.NoError(t, err)
	require.Equal(t, mockdialer.FaultPlan{
		Rates:  mockdialer.FaultRates{mockdialer.Fault500: 0.5, mockdialer.FaultCallbackForged: 1},
		Script: map[string][]mockdialer.FaultStep{callee: {{"create": {mockdialer.FaultHang}}}},
	}, got)
	got, err = mockdialer.ParseFaultPlan([]byte("{}"))
	require.NoError(t, err)
	require.Equal(t, mockdialer.FaultPlan{}, got)
}

// badText has every kind of fault; badFields are the fields that it has them in.
const badText = `colour: red
seed: -1
rates:
  500: 2
  501: 1
  down: 1
periods:
  - after: soon
  - rates: {hang: 0.6, 429: 0.6}
script:
  "49": [{}]
  +15550000002:
    - create: [hang, "500", lost]
      answered: [slow]
      hung_up: []
down: {after: 1s}
forget: {for: 3s, every: 100ns}
hang_for: 3s-1s
retry_after: 1500ms
repeats: 0
`

var badFields = []string{
	"colour", "seed", "rates.500", "rates.501", "rates.down", "periods[0].after", "periods[0].rates", "periods[1].rates",
	"script.49", "script.+15550000002[0].create", "script.+15550000002[0].create", "script.+15550000002[0].answered", "script.+15550000002[0].hung_up",
	"down.for", "forget.for", "forget.every", "hang_for", "retry_after", "repeats",
}

func TestBadPlanTellsEveryFaultWithItsLine(t *testing.T) {
	_, err := mockdialer.ParseFaultPlan([]byte(badText))
	var all campaign.Errors
	require.ErrorAs(t, err, &all)
	lines := map[string]string{}
	var fields []string
	for _, e := range all {
		fields = append(fields, e.Field)
		lines[e.Field] = e.Message
	}
	require.ElementsMatch(t, badFields, fields, "%v", errors.Join(all.Unwrap()...))
	require.Contains(t, lines["rates.501"], "line 5: ")
	require.Contains(t, lines["periods[1].rates"], "line 9: ")
	require.Contains(t, lines["script.+15550000002[0].answered"], "line 14: ")
	require.Contains(t, lines["down.for"], "line 16: ")

	for _, text := range []string{"", "[]", "{", `{"rates": 1}`, `{"rates": {"hang": "often"}}`, `{"script": {"+15550000002": []}}`} {
		_, err := mockdialer.ParseFaultPlan([]byte(text))
		require.ErrorAs(t, err, &all, text)
	}
}

func TestBadPlanInAConfigurationTellsItsFields(t *testing.T) {
	_, err := mockdialer.New(mockdialer.Config{Channels: -1, Faults: mockdialer.FaultPlan{
		Rates: mockdialer.FaultRates{mockdialer.FaultSlow: -1, mockdialer.FaultCut: 0.5},
		Down:  &mockdialer.Outage{Times: mockdialer.Times{For: time.Second, Every: time.Second}},
	}})
	var all campaign.Errors
	require.ErrorAs(t, err, &all)
	var fields []string
	for _, e := range all {
		fields = append(fields, e.Field)
	}
	require.Equal(t, []string{"channels", "faults.rates.slow", "faults.rates.cut", "faults.down.every"}, fields)
}
