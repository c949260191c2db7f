package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// office is a schedule without a fault.
const office = `{"time_zone": "America/New_York", "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:00"}]}`

// badSchedules are wrong everywhere a schedule is given; fields are below it.
var badSchedules = map[string]struct {
	schedule string
	fields   []string
}{
	"no object":                {`[]`, []string{""}},
	"a word":                   {`"always"`, []string{""}},
	"unknown field":            {`{"zone": "UTC"}`, []string{".zone"}},
	"unknown zone":             {`{"time_zone": "Mars/Olympus"}`, []string{".time_zone"}},
	"zone is a number":         {`{"time_zone": 5, "closed_dates": ["2026-12-25"]}`, []string{".time_zone"}},
	"no zone":                  {`{"windows": [{"days": ["mon"], "start": "09:00", "end": "17:00"}]}`, []string{".time_zone"}},
	"no zone for dates":        {`{"closed_dates": ["2026-12-25"]}`, []string{".time_zone"}},
	"windows no list":          {`{"time_zone": "UTC", "windows": {}}`, []string{".windows"}},
	"windows no list, no zone": {`{"windows": "always"}`, []string{".windows", ".time_zone"}},
	"window no object":         {`{"time_zone": "UTC", "windows": [null, 5, "09:00-17:00"]}`, []string{".windows[0]", ".windows[1]", ".windows[2]"}},
	"empty window":             {`{"time_zone": "UTC", "windows": [{}]}`, []string{".windows[0].start", ".windows[0].end", ".windows[0].days"}},
	"unknown in window":        {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "17:00", "day": "tue"}]}`, []string{".windows[0].day"}},
	"no days":                  {`{"time_zone": "UTC", "windows": [{"days": [], "start": "09:00", "end": "17:00"}]}`, []string{".windows[0].days"}},
	"days null":                {`{"time_zone": "UTC", "windows": [{"days": null, "start": "09:00", "end": "17:00"}]}`, []string{".windows[0].days"}},
	"a day that is none":       {`{"time_zone": "UTC", "windows": [{"days": ["monday"], "start": "09:00", "end": "17:00"}]}`, []string{".windows[0].days"}},
	"a day twice":              {`{"time_zone": "UTC", "windows": [{"days": ["mon", "mon"], "start": "09:00", "end": "17:00"}]}`, []string{".windows[0].days"}},
	"days as a word":           {`{"time_zone": "UTC", "windows": [{"days": "mon", "start": "09:00", "end": "17:00"}]}`, []string{".windows[0].days"}},
	"clock without zero":       {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "9:00", "end": "17:00"}]}`, []string{".windows[0].start"}},
	"clock is a number":        {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": 9, "end": "17:00"}]}`, []string{".windows[0].start"}},
	"clock out of the day":     {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "24:30"}]}`, []string{".windows[0].end"}},
	"clock null":               {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": null, "end": "17:00"}]}`, []string{".windows[0].start"}},
	"start at 24:00":           {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "24:00", "end": "24:00"}]}`, []string{".windows[0].start"}},
	"window of no length":      {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "09:00"}]}`, []string{".windows[0].end"}},
	"the wrong way round":      {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "17:00", "end": "09:00"}]}`, []string{".windows[0].end"}},
	"overlap":                  {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "17:00"}, {"days": ["sun", "mon"], "start": "16:00", "end": "18:00"}]}`, []string{".windows[1]"}},
	"no consequences":          {`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "17:00"}, {"days": ["mon"], "start": "9", "end": "12:00"}]}`, []string{".windows[1].start"}},
	"date that is none":        {`{"time_zone": "UTC", "closed_dates": ["2026-02-30", "25.12.2026", 5, null]}`, []string{".closed_dates[0]", ".closed_dates[1]", ".closed_dates[2]", ".closed_dates[3]"}},
	"dates no list":            {`{"time_zone": "UTC", "closed_dates": "2026-12-25"}`, []string{".closed_dates"}},
	"date twice":               {`{"time_zone": "UTC", "closed_dates": ["2026-12-25", "2026-12-25"]}`, []string{".closed_dates[1]"}},
	"closed and special":       {`{"time_zone": "UTC", "closed_dates": ["2026-12-25"], "special_dates": [{"date": "2026-12-25", "windows": []}]}`, []string{".special_dates[0].date"}},
	"special no object":        {`{"time_zone": "UTC", "special_dates": ["2026-12-25"]}`, []string{".special_dates[0]"}},
	"special without parts":    {`{"time_zone": "UTC", "special_dates": [{}]}`, []string{".special_dates[0].date", ".special_dates[0].windows"}},
	"unknown in special":       {`{"time_zone": "UTC", "special_dates": [{"date": "2026-12-25", "windows": [], "closed": true}]}`, []string{".special_dates[0].closed"}},
	"special windows":          {`{"time_zone": "UTC", "special_dates": [{"date": "2026-02-30", "windows": [{"start": "x", "end": "12:00", "days": ["mon"]}, 5]}]}`, []string{".special_dates[0].date", ".special_dates[0].windows[0].start", ".special_dates[0].windows[0].days", ".special_dates[0].windows[1]"}},
	"special overlap":          {`{"time_zone": "UTC", "special_dates": [{"date": "2026-12-24", "windows": [{"start": "09:00", "end": "12:00"}, {"start": "11:00", "end": "13:00"}]}]}`, []string{".special_dates[0].windows[1]"}},
	"start without offset":     {`{"start_at": "2026-12-24T09:00:00"}`, []string{".start_at"}},
	"start is a date":          {`{"start_at": "2026-12-24", "end_at": 7}`, []string{".start_at", ".end_at"}},
	"end before start":         {`{"start_at": "2026-12-24T09:00:00Z", "end_at": "2026-12-24T08:00:00Z"}`, []string{".end_at"}},
	"years ahead":              {`{"start_at": "9999-12-24T09:00:00Z"}`, []string{".start_at"}},
	"too many windows":         {`{"time_zone": "UTC", "windows": [` + strings.TrimSuffix(strings.Repeat(`{},`, 101), ",") + `]}`, []string{".windows"}},
	"all at once": {`{"time_zone": "Mars/Olympus", "windows": [{"days": [], "start": "9", "end": "17:00"}], "closed_dates": ["2026-02-30"],
		"special_dates": [{"date": "x"}], "start_at": "soon", "end_at": false, "zz": 1}`, []string{".windows[0].start", ".closed_dates[0]", ".special_dates[0].date", ".special_dates[0].windows",
		".start_at", ".end_at", ".zz", ".time_zone", ".windows[0].days"}},
}

func fieldsBelow(at string, fields []string) (out []string) {
	for _, f := range fields {
		out = append(out, at+f)
	}
	return out
}

func TestCampaignRefusesBadSchedules(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "schedule": ` + office + `}`)
	before := s.everything()
	for name, c := range badSchedules {
		t.Run(name, func(t *testing.T) {
			p := s.in(t).patch("/v1/campaigns/"+id, `{"schedule": `+c.schedule+`}`).problem(422, campaign.CodeInvalid)
			require.Equal(t, fieldsBelow("schedule", c.fields), p.fields())
			p = s.in(t).post("/v1/campaigns", `{"name": "", "schedule": `+c.schedule+`}`).problem(422, campaign.CodeInvalid)
			require.Equal(t, append(fieldsBelow("schedule", c.fields), "name"), p.fields(), "beside other faults")
		})
	}
	require.Equal(t, before, s.everything(), "something changed")
}

func TestFaultsSayWhatTheyFound(t *testing.T) {
	s := newService(t)
	p := s.post("/v1/campaigns", `{"name": "x", "schedule": {"time_zone": "UTC", "closed_dates": ["2026-02-30"], "windows": [{"days": ["monday"], "start": "9:00", "end": 17}]}}`).
		problem(422, campaign.CodeInvalid)
	require.Contains(t, p.Errors[0].Message, `There is no day "monday"`)
	require.Contains(t, p.Errors[1].Message, `"9:00" is not a time of day`)
	require.Contains(t, p.Errors[2].Message, `Give a time of day in quotation marks`)
	require.Contains(t, p.Errors[3].Message, `"2026-02-30" is not a date`)
	for given, says := range map[string]string{
		`"schedule": {"start_at": "2026-12-01 09:00"}`:         `which is the date, a T, the time with its seconds and the offset from UTC, like "2026-12-01T09:00:00-05:00", and not "2026-12-01 09:00".`,
		`"schedule": {"start_at": 5}`:                          `and not 5.`,
		`"retry": {"delay": "1d"}`:                             `Give a duration in quotation marks, like "90s" or "1h30m", with h as the largest unit, and not "1d".`,
		`"retry": {"max_delay": "5 minutes"}`:                  `with h as the largest unit, and not "5 minutes".`,
		`"retry": {"by_disposition": {"busy": {"delay": 90}}}`: `with h as the largest unit, and not 90.`,
		`"retry": {"delay": "0s"}`:                             `Give a delay from 10ms to 720h0m0s, not 0s.`,
		`"retry": {"delay": "1ns"}`:                            `Give a delay from 10ms to 720h0m0s, not 1ns.`,
		`"retry": {"delay": "100000h"}`:                        `Give a delay from 10ms to 720h0m0s, not 100000h0m0s.`,
		`"retry": {"delay": "1d", "max_delay": "1m"}`:          `and not "1d".`,
		`"schedule": {"time_zone": "UTC", "windows": [{"days": ["Monday", "MON", ""], "start": "09:00", "end": "17:00"}]}`: `There is no day "Monday", "MON", ""; take some of mon`,
		`"schedule": {"time_zone": "UTC", "closed_dates": ["2026-12-25", "2026-12-25"]}`:                                   `is given in schedule.closed_dates[0] already`,
	} {
		p := s.post("/v1/campaigns", `{"name": "x", `+given+`}`).problem(422, campaign.CodeInvalid)
		require.Len(t, p.Errors, 1, "%s: %v", given, p.Errors)
		require.Contains(t, p.Errors[0].Message, says)
	}
}

// Nobody reads ten thousand faults, and nobody sends them twice to find the rest.
func TestFaultsAreNoMoreThanAPersonReads(t *testing.T) {
	s := newService(t)
	special := strings.TrimSuffix(strings.Repeat(`{"date": 1, "windows": [`+strings.TrimSuffix(strings.Repeat("1,", 100), ",")+`]},`, 1000), ",")
	p := s.post("/v1/campaigns", `{"name": "x", "schedule": {"special_dates": [`+special+`]}}`).problem(422, campaign.CodeInvalid)
	require.LessOrEqual(t, len(p.Errors), maxFaults+2)
}

func TestScheduleIsShownAsItWasGiven(t *testing.T) {
	s := newService(t)
	given := `{"time_zone": "America/New_York", "windows": [{"days": ["mon", "fri", "sun"], "start": "22:00", "end": "02:00"}, {"days": ["wed"], "start": "00:00", "end": "24:00"}],
		"closed_dates": ["2026-12-25"], "special_dates": [{"date": "2026-12-24", "windows": [{"start": "09:00", "end": "12:00"}]}, {"date": "2026-12-31", "windows": []}],
		"start_at": "2026-12-01T14:00:00Z", "end_at": "2027-01-31T00:00:00.5Z"}`
	c := s.post("/v1/campaigns", `{"name": "Spring", "default_time_zone": "Europe/Paris", "schedule": `+given+`}`)
	require.Equal(t, http.StatusCreated, c.status, "%s", c.body)
	schedule, err := json.Marshal(c.json()["schedule"])
	require.NoError(t, err)
	require.JSONEq(t, given, string(schedule))
	require.Equal(t, "Europe/Paris", c.json()["default_time_zone"])
	id := c.json()["id"].(string)
	require.JSONEq(t, string(c.body), string(s.get("/v1/campaigns/"+id).body))
	r := s.patch("/v1/campaigns/"+id, fmt.Sprintf(`{"schedule": %s}`, schedule))
	require.Equal(t, http.StatusOK, r.status, "what was shown can be sent: %s", r.body)
}

func TestPatchReplacesTheWholeSchedule(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "default_time_zone": "Europe/Paris", "schedule": ` + office + `}`)
	schedule := func(body string) any {
		r := s.patch("/v1/campaigns/"+id, body)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		return r.json()["schedule"]
	}
	require.NotEmpty(t, schedule(`{"weight": 2}`), "absent stays")
	require.Equal(t, map[string]any{"time_zone": "UTC", "closed_dates": []any{"2026-12-25"}}, schedule(`{"schedule": {"time_zone": "UTC", "closed_dates": ["2026-12-25"]}}`))
	require.Empty(t, schedule(`{"schedule": null}`))
	require.Equal(t, map[string]any{"start_at": "2026-12-01T14:00:00Z"}, schedule(`{"schedule": {"start_at": "2026-12-01T09:00:00-05:00", "windows": null}}`))
	require.Empty(t, schedule(`{"schedule": {}}`))
	r := s.patch("/v1/campaigns/"+id, `{"default_time_zone": null}`)
	require.NotContains(t, r.json(), "default_time_zone")
}

func TestSingleCallsHaveNoSchedule(t *testing.T) {
	s := newService(t)
	p := s.patch("/v1/campaigns/cmp_1", `{"schedule": `+office+`}`).problem(409, campaign.CodeConflict)
	require.Contains(t, p.Detail, "single calls")
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/cmp_1", `{"schedule": null, "retry": {"max_attempts_per_day": 2}}`).status)
}
