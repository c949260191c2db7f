package code

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// A node of this version changes what one of a later version has written.
func TestChangedSettingsKeepWhatIsNotKnown(t *testing.T) {
	const was = `{"name":"a","max_concurrent_calls":4,"weight":1,"greeting":{"text":"hi","n":12345678901234567890},
"retry":{"max_attempts":3,"delay":"1m0s","caution":"great","by_disposition":{"busy":{"delay":"2s","caution":"some"},"lost":{"caution":"x"}}},
"schedule":{"time_zone":"UTC","holidays":"DE"},"routing":{"least_cost":true,"carbon":[1,2]}}`
	s, err := Settings(was)
	require.NoError(t, err)
	s.Name, s.MaxConcurrentCalls = "b", 9
	s.Retry.MaxAttempts = 5
	delete(s.Retry.ByDisposition, "lost")
	s.Schedule = campaign.Schedule{} // taken away, with all that was in it
	now, err := ChangedSettings(was, s)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"b","max_concurrent_calls":9,"weight":1,"priority":5,"greeting":{"text":"hi","n":12345678901234567890},
"retry":{"max_attempts":5,"delay":"1m0s","caution":"great","by_disposition":{"busy":{"delay":"2s","caution":"some"}}},
"routing":{"least_cost":true,"carbon":[1,2]}}`, now)
	again, err := Settings(now)
	require.NoError(t, err)
	require.Equal(t, s, again)

	// What only this version writes is as it was.
	plain, err := OfSettings(s)
	require.NoError(t, err)
	again.Weight = 2
	want, err := OfSettings(again)
	require.NoError(t, err)
	got, err := ChangedSettings(plain, again)
	require.NoError(t, err)
	require.Equal(t, want, got)
	// A value that was taken back to its default does not come back.
	s.From, s.Retry.Jitter = "+12025550100", 0.5
	plain, err = OfSettings(s)
	require.NoError(t, err)
	s.From, s.Retry.Jitter = "", 0
	got, err = ChangedSettings(plain, s)
	require.NoError(t, err)
	require.NotContains(t, got, "from")
	require.NotContains(t, got, "jitter")

	_, err = ChangedSettings("{", s)
	require.Error(t, err)
}
