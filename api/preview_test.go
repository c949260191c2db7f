package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestPreview(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-06T15:30:00Z")))
	before := s.everything()
	r := s.post("/v1/schedules/preview", `{"schedule": `+office+`, "count": 2}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, `{"windows": [
		{"opens_at": "2026-03-06T15:30:00Z", "closes_at": "2026-03-06T22:00:00Z", "opens_local": "2026-03-06T10:30:00-05:00", "closes_local": "2026-03-06T17:00:00-05:00"},
		{"opens_at": "2026-03-09T13:00:00Z", "closes_at": "2026-03-09T21:00:00Z", "opens_local": "2026-03-09T09:00:00-04:00", "closes_local": "2026-03-09T17:00:00-04:00"}]}`,
		string(r.body), "the clock changes on the Sunday between")
	require.Equal(t, before, s.everything(), "something changed")

	windows := func(body string) []any {
		r := s.post("/v1/schedules/preview", body)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.NotContains(t, r.json(), "warnings")
		return r.json()["windows"].([]any)
	}
	require.Len(t, windows(`{"schedule": `+office+`}`), 5)
	require.Len(t, windows(`{"schedule": `+office+`, "count": 100}`), 100)
	first := windows(`{"schedule": ` + office + `, "from": "2026-12-24T12:00:00+01:00"}`)[0].(map[string]any)
	require.Equal(t, "2026-12-24T14:00:00Z", first["opens_at"])

	require.Equal(t, []any{map[string]any{"opens_at": "2026-03-06T15:30:00Z", "opens_local": "2026-03-06T15:30:00Z"}}, windows(`{"schedule": {}}`), "it never closes")
	require.Equal(t, []any{map[string]any{"opens_at": "2026-03-07T00:00:00Z", "opens_local": "2026-03-07T09:00:00+09:00"}},
		windows(`{"schedule": {"time_zone": "Asia/Tokyo", "start_at": "2026-03-07T00:00:00Z"}}`))
	tokyo := windows(`{"schedule": ` + perContact + `, "time_zone": "Asia/Tokyo", "count": 1}`)[0].(map[string]any)
	require.Equal(t, "2026-03-09T09:00:00+09:00", tokyo["opens_local"])
}

// TestPreviewAtTheEndsOfTime: the first and the last year that are taken, on the clocks
// that are farthest ahead and behind.
func TestPreviewAtTheEndsOfTime(t *testing.T) {
	s := newService(t)
	for _, zone := range []string{"Pacific/Kiritimati", "Etc/GMT+12"} {
		for _, from := range []string{"1970-01-01T00:00:00Z", "2200-12-31T23:59:59Z"} {
			r := s.post("/v1/schedules/preview", `{"schedule": `+perContact+`, "count": 100, "time_zone": "`+zone+`", "from": "`+from+`"}`)
			require.Equal(t, http.StatusOK, r.status, "%s", r.body)
			require.Len(t, r.json()["windows"], 100)
		}
	}
	for _, from := range []string{"0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"} {
		p := s.post("/v1/schedules/preview", `{"schedule": {}, "from": "`+from+`"}`).problem(422, campaign.CodeInvalid)
		require.Contains(t, p.Detail, "Give a time in the years 1970 to 2200, not "+strings.TrimLeft(from[:4], "0")+".")
		p = s.post("/v1/campaigns", `{"name": "x", "schedule": {"start_at": "`+from+`", "end_at": "`+from+`"}}`).problem(422, campaign.CodeInvalid)
		require.Equal(t, []string{"schedule.start_at", "schedule.end_at"}, p.fields())
		require.Contains(t, p.Detail, "Give a time in the years 1970 to 2200")
	}
}

// TestPreviewByAnyClock: a schedule that has none is shown by the one that is named.
func TestPreviewByAnyClock(t *testing.T) {
	s := newService(t)
	for _, schedule := range []string{`{}`, `{"start_at": "2026-03-07T00:00:00Z"}`} {
		r := s.post("/v1/schedules/preview", `{"schedule": `+schedule+`, "time_zone": "Asia/Tokyo", "from": "2026-03-07T00:00:00Z"}`)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.Equal(t, "2026-03-07T09:00:00+09:00", r.json()["windows"].([]any)[0].(map[string]any)["opens_local"])
	}
}

// TestPreviewAroundTheClocksChange: an hour that is left out is not shown, and one
// that comes twice is shown twice.
func TestPreviewAroundTheClocksChange(t *testing.T) {
	s := newService(t)
	r := s.post("/v1/schedules/preview", `{"schedule": {"time_zone": "Europe/Berlin", "windows": [{"days": ["sun"], "start": "02:10", "end": "02:20"}]}, "from": "2026-10-24T00:00:00Z", "count": 2}`)
	var local []any
	for _, w := range r.json()["windows"].([]any) {
		local = append(local, w.(map[string]any)["opens_local"])
	}
	require.Equal(t, []any{"2026-10-25T02:10:00+02:00", "2026-10-25T02:10:00+01:00"}, local)
}

func TestPreviewOfWhatNeverOpens(t *testing.T) {
	s := newService(t)
	r := s.post("/v1/schedules/preview", `{"schedule": {"end_at": "2026-03-06T00:00:00Z"}, "from": "2026-03-07T00:00:00Z"}`)
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, []any{}, r.json()["windows"])
	require.Contains(t, r.json()["warnings"].([]any)[0], "never opens from 2026-03-07T00:00:00Z on")
}

func TestPreviewRefusesBadInput(t *testing.T) {
	s := newService(t)
	for name, c := range badSchedules {
		t.Run(name, func(t *testing.T) {
			p := s.in(t).post("/v1/schedules/preview", `{"schedule": `+c.schedule+`}`).problem(422, campaign.CodeInvalid)
			require.Equal(t, fieldsBelow("schedule", c.fields), p.fields())
		})
	}
	for name, c := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":             {``, nil},
		"no schedule":         {`{}`, []string{"schedule"}},
		"schedule null":       {`{"schedule": null}`, []string{"schedule"}},
		"whose clock?":        {`{"schedule": ` + perContact + `}`, []string{"time_zone"}},
		"no such clock":       {`{"schedule": ` + perContact + `, "time_zone": "Mars/Olympus"}`, []string{"time_zone"}},
		"the clock of nobody": {`{"schedule": ` + perContact + `, "time_zone": "contact"}`, []string{"time_zone"}},
		"two clocks":          {`{"schedule": ` + office + `, "time_zone": "Asia/Tokyo"}`, []string{"time_zone"}},
		"count":               {`{"schedule": ` + office + `, "count": 0}`, []string{"count"}},
		"many":                {`{"schedule": ` + office + `, "count": 101}`, []string{"count"}},
		"count as a word":     {`{"schedule": ` + office + `, "count": "5"}`, []string{"count"}},
		"from a date":         {`{"schedule": ` + office + `, "from": "2026-03-07"}`, []string{"from"}},
		"from before all":     {`{"schedule": ` + office + `, "from": "0001-01-01T00:00:00Z"}`, []string{"from"}},
		"from before 1970":    {`{"schedule": ` + office + `, "from": "1970-01-01T00:00:00+00:01"}`, []string{"from"}},
		"from after 2200":     {`{"schedule": ` + office + `, "from": "2201-01-01T00:00:00Z"}`, []string{"from"}},
		"from after all":      {`{"schedule": ` + perContact + `, "from": "9999-12-31T23:59:59Z", "time_zone": "Asia/Tokyo"}`, []string{"from"}},
		"two clocks, bare":    {`{"schedule": {"time_zone": "UTC"}, "time_zone": "Asia/Tokyo"}`, []string{"time_zone"}},
		"from as a number":    {`{"schedule": ` + office + `, "from": 5}`, []string{"from"}},
		"unknown":             {`{"schedule": ` + office + `, "until": 5}`, []string{"until"}},
		"everything at once":  {`{"schedule": {"time_zone": "UTC", "windows": [{"days": ["monday"], "start": "09:00", "end": "9"}]}, "from": "now", "count": -1, "time_zone": 5, "zz": 1}`, []string{"schedule.windows[0].days", "schedule.windows[0].end", "time_zone", "from", "count", "zz"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.fields == nil {
				s.in(t).post("/v1/schedules/preview", c.body).problem(400, codeMalformed)
				return
			}
			require.Equal(t, c.fields, s.in(t).post("/v1/schedules/preview", c.body).problem(422, campaign.CodeInvalid).fields())
		})
	}
	s.post("/v1/schedules/preview", `{`).problem(400, codeMalformed)
	s.post("/v1/schedules/preview?count=5", `{"schedule": {}}`).problem(422, campaign.CodeInvalid)
}
