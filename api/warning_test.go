package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWarnings(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T12:00:00Z")))
	for name, c := range map[string]struct{ settings, warns string }{
		"no schedule":                   {`"weight": 1`, ""},
		"hours":                         {`"schedule": ` + office, ""},
		"hours that only start later":   {`"schedule": {"start_at": "2027-03-02T12:00:00Z"}`, ""},
		"over":                          {`"schedule": {"end_at": "2026-03-02T12:00:00Z"}`, "end_at, 2026-03-02T12:00:00Z, has passed"},
		"over before it opens":          {`"schedule": {"time_zone": "UTC", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-04T09:00:00Z"}`, "first open at 2026-03-04T09:00:00Z, and its end_at, 2026-03-04T09:00:00Z"},
		"no windows left":               {`"schedule": {"time_zone": "UTC", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "closed_dates": ["2026-03-04"], "end_at": "2026-03-11T00:00:00Z"}`, "first open at 2026-03-11T09:00:00Z"},
		"contacts unknown":              {`"schedule": {"time_zone": "contact", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-03T00:00:00Z"}`, ""},
		"contacts over before it opens": {`"schedule": {"time_zone": "contact", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-04T13:00:00Z"}, "contacts": ["+12125550147", "+12135550147"]`, "first open at 2026-03-04T14:00:00Z"},
		"one contact in time":           {`"schedule": {"time_zone": "contact", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-04T15:00:00Z"}, "contacts": ["+12125550147", "+12135550147"]`, ""},
		"the default zone too late":     {`"schedule": {"time_zone": "contact", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-03T00:00:00Z"}, "default_time_zone": "UTC"`, "first open at 2026-03-04T09:00:00Z"},
		"an hour that never comes":      {`"schedule": {"time_zone": "Europe/Berlin", "windows": [{"days": ["sun"], "start": "02:10", "end": "02:20"}], "start_at": "2026-03-29T00:00:00Z", "end_at": "2026-03-30T00:00:00Z"}`, "first open at 2026-04-05T00:10:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.in(t).post("/v1/campaigns", `{"name": "Spring", `+c.settings+`}`)
			require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
			warned(t, r, c.warns)
			require.NotContains(t, s.in(t).get(r.header.Get("Location")).json(), "warnings")
			id := r.json()["id"].(string)
			warned(t, s.in(t).patch("/v1/campaigns/"+id, `{"weight": 2}`), c.warns)
		})
	}
}

func warned(t *testing.T, r reply, want string) {
	t.Helper()
	warnings, _ := r.json()["warnings"].([]any)
	if want == "" {
		require.Empty(t, warnings)
		return
	}
	require.Len(t, warnings, 1, "%s", r.body)
	require.Contains(t, warnings[0], want)
	require.Regexp(t, `^[A-Z].*\.$`, warnings[0])
}

// TestScheduleThatNeverOpens: two zones an hour apart are never both in an hour.
func TestScheduleThatNeverOpens(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12085550147"]}`)
	const hour = `{"schedule": {"time_zone": "contact", "windows": [{"days": ["mon"], "start": "09:00", "end": "10:00"}]}}`
	warned(t, s.patch("/v1/campaigns/"+id, hour), "never opens from now on")
	s.csv(id, "phone\n+12125550147\n")
	warned(t, s.patch("/v1/campaigns/"+id, hour), "")
}
