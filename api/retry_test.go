package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

var badRetries = map[string]struct {
	retry  string
	fields []string
}{
	"no attempts a day":     {`{"max_attempts_per_day": 0}`, []string{".max_attempts_per_day"}},
	"fewer than none":       {`{"max_attempts_per_day": -1}`, []string{".max_attempts_per_day"}},
	"a hundred and one":     {`{"max_attempts_per_day": 101}`, []string{".max_attempts_per_day"}},
	"half an attempt":       {`{"max_attempts_per_day": 1.5}`, []string{".max_attempts_per_day"}},
	"rules as a list":       {`{"by_disposition": []}`, []string{".by_disposition"}},
	"rule as a number":      {`{"by_disposition": {"busy": 3}}`, []string{".by_disposition.busy"}},
	"unknown disposition":   {`{"by_disposition": {"engaged": {"delay": "1m"}}}`, []string{".by_disposition.engaged"}},
	"never dialled again":   {`{"by_disposition": {"completed": {"delay": "1m"}}}`, []string{".by_disposition.completed"}},
	"rejected again":        {`{"by_disposition": {"rejected": {"max_attempts": 2}}}`, []string{".by_disposition.rejected"}},
	"unknown inside a rule": {`{"by_disposition": {"busy": {"jitter": 0.1}}}`, []string{".by_disposition.busy.jitter"}},
	"no attempts":           {`{"by_disposition": {"busy": {"max_attempts": 0}}}`, []string{".by_disposition.busy.max_attempts"}},
	"zero delay":            {`{"by_disposition": {"busy": {"delay": "0s"}}}`, []string{".by_disposition.busy.delay"}},
	"negative delay":        {`{"by_disposition": {"busy": {"delay": "-1m"}}}`, []string{".by_disposition.busy.delay"}},
	"delay of a year":       {`{"by_disposition": {"busy": {"delay": "8760h"}}}`, []string{".by_disposition.busy.delay"}},
	"delay that is none":    {`{"by_disposition": {"busy": {"delay": "soon"}}}`, []string{".by_disposition.busy.delay"}},
	"delay as a number":     {`{"by_disposition": {"busy": {"delay": 60}}}`, []string{".by_disposition.busy.delay"}},
	"no backoff":            {`{"by_disposition": {"busy": {"backoff": ""}}}`, []string{".by_disposition.busy.backoff"}},
	"unknown backoff":       {`{"by_disposition": {"busy": {"backoff": "random"}}}`, []string{".by_disposition.busy.backoff"}},
	"largest below delay":   {`{"by_disposition": {"busy": {"delay": "5m", "max_delay": "1m"}}}`, []string{".by_disposition.busy.max_delay"}},
	"settled in no time":    {`{"settle_within": "0s"}`, []string{".settle_within"}},
	"settled too soon":      {`{"settle_within": "9s"}`, []string{".settle_within"}},
	"settled too late":      {`{"settle_within": "25h"}`, []string{".settle_within"}},
	"settled never":         {`{"settle_within": "never"}`, []string{".settle_within"}},
	"settled by a number":   {`{"settle_within": 60}`, []string{".settle_within"}},
	"all at once": {`{"max_attempts_per_day": 0, "jitter": 2, "by_disposition": {"busy": {"delay": "soon", "zz": 1}, "engaged": {}, "lost": {"max_attempts": 101, "max_delay": "-1s"}}}`, []string{
		".max_attempts_per_day", ".by_disposition.busy.delay", ".by_disposition.busy.zz", ".jitter", ".by_disposition.engaged", ".by_disposition.lost.max_attempts", ".by_disposition.lost.max_delay"}},
}

func TestCampaignRefusesBadRetries(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	before := s.everything()
	for name, c := range badRetries {
		t.Run(name, func(t *testing.T) {
			p := s.in(t).patch("/v1/campaigns/"+id, `{"retry": `+c.retry+`}`).problem(422, campaign.CodeInvalid)
			require.Equal(t, fieldsBelow("retry", c.fields), p.fields())
			p = s.in(t).post("/v1/campaigns", `{"name": "New", "retry": `+c.retry+`}`).problem(422, campaign.CodeInvalid)
			require.Equal(t, fieldsBelow("retry", c.fields), p.fields())
		})
	}
	require.Equal(t, before, s.everything(), "something changed")
}

func TestRetriesByDisposition(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "retry": {"max_attempts": 9, "max_attempts_per_day": 2, "by_disposition": {
		"busy": {"max_attempts": 5, "delay": "60s", "backoff": "exponential", "max_delay": "10m"}, "no_answer": {"delay": "2h"}, "rejected": {"max_attempts": 1}}}}`)
	retry := func(r reply) map[string]any {
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		return r.json()["retry"].(map[string]any)
	}
	busy := map[string]any{"max_attempts": 5.0, "delay": "1m0s", "backoff": "exponential", "max_delay": "10m0s"}
	want := map[string]any{"busy": busy, "no_answer": map[string]any{"delay": "2h0m0s"}, "rejected": map[string]any{"max_attempts": 1.0}}
	got := retry(s.get("/v1/campaigns/" + id))
	require.Equal(t, want, got["by_disposition"])
	require.EqualValues(t, 2, got["max_attempts_per_day"])

	patch := func(body string) map[string]any { return retry(s.patch("/v1/campaigns/"+id, body)) }
	require.Equal(t, want, patch(`{"retry": {"delay": "1m"}}`)["by_disposition"], "absent stays")
	require.Equal(t, map[string]any{"lost": map[string]any{"delay": "1h0m0s"}}, patch(`{"retry": {"by_disposition": {"lost": {"delay": "1h"}, "busy": null}}}`)["by_disposition"], "replaced as a whole")
	got = patch(`{"retry": {"by_disposition": null, "max_attempts_per_day": null}}`)
	require.NotContains(t, got, "by_disposition")
	require.NotContains(t, got, "max_attempts_per_day")
	require.EqualValues(t, 9, got["max_attempts"])
	patch(`{"retry": {"by_disposition": {"busy": {"delay": "1m"}}}}`)
	require.NotContains(t, patch(`{"retry": null}`), "by_disposition")
}

func TestSettleWithin(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	shown := func(r reply) any {
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		return r.json()["retry"].(map[string]any)["settle_within"]
	}
	require.Equal(t, "1h0m0s", shown(s.get("/v1/campaigns/"+id)))
	require.Equal(t, "30m0s", shown(s.patch("/v1/campaigns/"+id, `{"retry": {"settle_within": "30m"}}`)))
	require.Equal(t, "30m0s", shown(s.patch("/v1/campaigns/"+id, `{"retry": {"delay": "1m"}}`)), "absent stays")
	require.Equal(t, "1h0m0s", shown(s.patch("/v1/campaigns/"+id, `{"retry": {"settle_within": null}}`)))
}

// TestSettingsAreNeverMutated: values of the store's are shared with its readers.
func TestSettingsAreNeverMutated(t *testing.T) {
	was := campaign.Settings{Name: "x", MaxConcurrentCalls: 1, Weight: 1, Priority: 5,
		Schedule: campaign.Schedule{TimeZone: "UTC", Windows: []campaign.Window{{Days: campaign.EveryDay, Span: campaign.Span{Start: 0, End: 60}}}},
		Retry:    campaign.RetryPolicy{ByDisposition: map[campaign.Disposition]campaign.RetryRule{campaign.DispositionBusy: {MaxAttempts: 2}}},
	}
	shared := was
	p := &patch{body: []byte(`{"schedule": {"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "05:00", "end": "06:00"}]}, "retry": {"by_disposition": {"lost": {"max_attempts": 3}}}}`)}
	require.NoError(t, p.apply(&was))
	require.Len(t, was.Retry.ByDisposition, 1)
	require.Contains(t, was.Retry.ByDisposition, campaign.DispositionLost)
	require.Equal(t, campaign.Clock(5*60), was.Schedule.Windows[0].Start)
	require.Equal(t, campaign.EveryDay, shared.Schedule.Windows[0].Days)
	require.Contains(t, shared.Retry.ByDisposition, campaign.DispositionBusy)
}
