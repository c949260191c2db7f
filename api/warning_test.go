package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
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
		"one contact in time":           {`"schedule": {"time_zone": "contact", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-04T15:00:00Z"}, "contacts": ["+12125550147", "+12135550147"]`, "where they are (America/Los_Angeles) the schedule never opens"},
		"the default zone too late":     {`"schedule": {"time_zone": "contact", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-03T00:00:00Z"}, "default_time_zone": "UTC"`, "first open at 2026-03-04T09:00:00Z"},
		"a deadline":                    {`"deadline": "2026-03-02T12:00:01Z"`, ""},
		"a deadline in the hours":       {`"schedule": ` + office + `, "deadline": "2026-03-02T14:00:01Z"`, ""},
		"a deadline before them":        {`"schedule": ` + office + `, "deadline": "2026-03-02T14:00:00Z"`, "first opens at 2026-03-02T14:00:00Z, and the deadline, 2026-03-02T14:00:00Z, is not after that"},
		"a deadline before the start":   {`"schedule": {"start_at": "2026-03-04T00:00:00Z"}, "deadline": "2026-03-04T00:00:00Z"`, "deadline, 2026-03-04T00:00:00Z, is not after the schedule's start_at, 2026-03-04T00:00:00Z"},
		"a deadline and no hours":       {`"schedule": {"time_zone": "UTC", "windows": [{"days": ["wed"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-04T09:00:00Z"}, "deadline": "2026-03-03T00:00:00Z"`, "first open at 2026-03-04T09:00:00Z, and its end_at"},
		"a deadline for the east":       {`"schedule": ` + perContact + `, "deadline": "2026-03-02T14:30:00Z", "contacts": ["+12125550147", "+12135550147"]`, ""},
		"a deadline for the west":       {`"schedule": ` + perContact + `, "deadline": "2026-03-02T14:30:00Z", "contacts": ["+12135550147"]`, "first opens at 2026-03-02T17:00:00Z, and the deadline"},
		"a deadline and no contacts":    {`"schedule": ` + perContact + `, "deadline": "2026-03-02T14:30:00Z"`, ""},
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

// TestADeadlineThatHasPassedIsWarnedOf, until the campaign is over.
func TestADeadlineThatHasPassedIsWarnedOf(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T12:00:00Z")))
	id := s.campaign(`{"name": "Spring", "deadline": "2026-03-02T13:00:00Z"}`)
	now.set(on("2026-03-02T13:00:00Z"))
	warned(t, s.patch("/v1/campaigns/"+id, `{"weight": 2}`), "The deadline, 2026-03-02T13:00:00Z, has passed")
	s.move(id, campaign.StatusPending, campaign.StatusCanceled)
	warned(t, s.patch("/v1/campaigns/"+id, `{"weight": 3}`), "")
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
	r := s.patch("/v1/campaigns/"+id, hour)
	require.Len(t, r.json()["warnings"], 2)
	require.Contains(t, r.json()["warnings"].([]any)[0], "never opens from now on")
	require.Contains(t, r.json()["warnings"].([]any)[1], "in any of 2 time zones")
	s.csv(id, "phone\n+12125550147\n")
	warned(t, s.patch("/v1/campaigns/"+id, hour), "in any of 2 time zones (America/Boise or America/Los_Angeles)")
}

// TestNumbersThatCanNotBeCalledAreWarnedOf, until they are through: when hours are set,
// and when they begin to count.
func TestNumbersThatCanNotBeCalledAreWarnedOf(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550147", "` + toll + `"]}`)
	warned(t, s.patch("/v1/campaigns/"+id, `{"weight": 2}`), "")
	r := s.patch("/v1/campaigns/"+id, `{"schedule": `+perContact+`}`)
	require.Regexp(t, `in any of \d+ time zones.*new campaign, each with its time_zone`, r.json()["warnings"].([]any)[0])
	const says = "There are numbers that can't be called"
	warned(t, r, says)
	for _, action := range []string{"start", "resume"} {
		warned(t, s.post("/v1/campaigns/"+id+"/"+action, ""), says)
	}
	warned(t, s.post("/v1/campaigns/"+id+"/pause", ""), "")
	warned(t, s.get("/v1/campaigns/"+id), "")
	s.finish(id, toll)
	warned(t, s.post("/v1/campaigns/"+id+"/start", ""), "")
}

// TestNobodyReadsAHundredWarnings: many kinds of numbers are warned of in few sentences.
func TestNobodyReadsAHundredWarnings(t *testing.T) {
	s := newService(t)
	rows := "phone,time_zone\n+12125550100,Europe/London\n"
	for i, zone := range []string{"Asia/Tokyo", "Asia/Seoul", "Asia/Shanghai", "Asia/Manila", "Asia/Singapore", "Asia/Taipei", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Bangkok", "Asia/Dhaka", "Asia/Kolkata", "Asia/Karachi"} {
		rows += fmt.Sprintf("+121255501%02d,%s\n", i+1, zone)
	}
	id := s.campaign(`{"name": "Spring"}`)
	s.csv(id, rows)
	// Nine in London on that day, when it is over in Asia.
	at := s.api.now().AddDate(0, 0, 2).UTC().Format(time.DateOnly)
	r := s.patch("/v1/campaigns/"+id, `{"schedule": {"time_zone": "contact", "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "12:00", "end": "12:30"}], "start_at": "`+at+`T11:00:00Z", "end_at": "`+at+`T13:00:00Z"}}`)
	warnings := r.json()["warnings"].([]any)
	require.Len(t, warnings, maxWarned+1)
	require.Contains(t, warnings[maxWarned], "2 such sets of zones")
}

func TestATimeZoneWithoutWindowsIsWarnedOf(t *testing.T) {
	s := newService(t)
	for schedule, warns := range map[string]string{
		`{"time_zone": "UTC"}`:     "open at every hour of the day; give it windows",
		`{"time_zone": "contact"}`: "open at every hour of the day; give it windows",
		`{"time_zone": "UTC", "windows": [], "closed_dates": ["2200-12-25"]}`: "every hour of the day, but for its closed_dates and special_dates",
		`{"start_at": "2200-12-01T00:00:00Z"}`:                                "",
	} {
		warned(t, s.post("/v1/campaigns", `{"name": "Spring", "schedule": `+schedule+`}`), warns)
	}
}
