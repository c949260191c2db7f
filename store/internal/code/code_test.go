package code

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// TestNumbersStay: they are in people's databases.
func TestNumbersStay(t *testing.T) {
	for n, s := range []campaign.CallStatus{"queued", "in_progress", "retry_wait", "completed", "failed", "canceled"} {
		require.Equal(t, n, OfCall(s))
		require.Equal(t, s, Call(n))
	}
	for n, s := range []campaign.AttemptState{"", "placing", "ambiguous", "placed", "ended"} {
		require.Equal(t, n, OfAttempt(s))
		require.Equal(t, s, Attempt(n))
	}
	for _, s := range campaign.CallStatuses {
		require.Equal(t, s, Call(OfCall(s)), "every status has a number")
	}
	require.Equal(t, -1, OfCall("none"))
	require.Equal(t, campaign.CallStatus("unknown_9"), Call(9))
}

func TestSettings(t *testing.T) {
	want := campaign.Settings{
		Name: "a", From: "b", DefaultRegion: "c", DefaultTimeZone: "d", MaxConcurrentCalls: 4, Weight: 0.5,
		Group: "e", Priority: 7, Deadline: time.Date(2026, 6, 2, 3, 4, 5, 0, time.UTC),
		Schedule: campaign.Schedule{
			TimeZone:     campaign.ZoneOfContact,
			Windows:      []campaign.Window{{Days: campaign.DaysOf(time.Monday), Span: campaign.Span{Start: 540, End: campaign.Midnight}}},
			ClosedDates:  []campaign.Date{{Year: 2026, Month: 12, Day: 25}},
			SpecialDates: []campaign.SpecialDate{{Date: campaign.Date{Year: 2026, Month: 12, Day: 24}, Windows: []campaign.Span{{Start: 1, End: 2}}}},
			StartAt:      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			EndAt:        time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		},
		Retry: campaign.RetryPolicy{
			MaxAttempts: 6, Delay: 7, Backoff: "fixed", MaxDelay: 8, Jitter: 0.9, MaxAttemptsPerDay: 2, SettleWithin: 9,
			ByDisposition: map[campaign.Disposition]campaign.RetryRule{"busy": {MaxAttempts: 1, Delay: 2, Backoff: "exponential", MaxDelay: 3}},
		},
		Routing: campaign.Routing{
			Providers: []campaign.ProviderChoice{{Name: "p", Priority: 2, Weight: 3}}, LeastCost: true,
			FromByPrefix: map[string]string{"+44": "+442079460958"},
		},
	}
	for _, v := range []reflect.Value{reflect.ValueOf(want), reflect.ValueOf(want.Schedule), reflect.ValueOf(want.Retry), reflect.ValueOf(want.Routing)} {
		for i := range v.NumField() {
			require.False(t, v.Field(i).IsZero(), "the test sets %s", v.Type().Field(i).Name)
		}
	}
	column, err := OfSettings(want)
	require.NoError(t, err)
	got, err := Settings(column)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = Settings("{")
	require.ErrorContains(t, err, "read settings")
}

func TestText(t *testing.T) {
	require.Equal(t, "ab\uFFFDc", Text("a\x00b\xffc"))
	require.Equal(t, "Grüße 👋", Text("Grüße 👋"))
}

func TestTime(t *testing.T) {
	require.Zero(t, Time(time.Time{}))
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("x", 3600))
	require.Equal(t, time.Date(2026, 1, 2, 2, 4, 5, 678901000, time.UTC), Time(at))
}
