package campaign_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestClockIsWrittenInFull(t *testing.T) {
	for m := range int(campaign.Midnight) + 1 {
		text, err := campaign.Clock(m).MarshalText()
		require.NoError(t, err)
		require.Len(t, text, 5)
		var back campaign.Clock
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, campaign.Clock(m), back)
	}
	for _, s := range []string{"", "9", "9:30", "09.30", "0930", "09:3", "09:60", "24:01", "25:00", "-1:00", "+9:00", "09:30:00", " 09:30", "09:30 ", "0x:00", "٠٩:٣٠"} {
		c := campaign.Clock(7)
		err := c.UnmarshalText([]byte(s))
		require.ErrorContains(t, err, "not a time of day", s)
		require.Equal(t, campaign.Clock(7), c, "a refused text changes nothing")
	}
}

func TestDateIsOneOfTheCalendar(t *testing.T) {
	for _, s := range []string{"1970-01-01", "2024-02-29", "2026-12-25", "2200-12-31"} {
		var d campaign.Date
		require.NoError(t, d.UnmarshalText([]byte(s)))
		text, err := d.MarshalText()
		require.NoError(t, err)
		require.Equal(t, s, string(text))
	}
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-1", "26-01-01", "25.12.2026", "2026-12-25T00:00:00Z", " 2026-12-25"} {
		d := campaign.Date{Year: 2000, Month: 1, Day: 1}
		require.ErrorContains(t, d.UnmarshalText([]byte(s)), "not a date of the calendar", s)
		require.Equal(t, campaign.Date{Year: 2000, Month: 1, Day: 1}, d)
	}
}

func TestDaysAreAList(t *testing.T) {
	for set := range campaign.EveryDay + 1 {
		written, err := json.Marshal(set)
		require.NoError(t, err)
		var back campaign.Days
		require.NoError(t, json.Unmarshal(written, &back))
		require.Equal(t, set, back)
	}
	written, err := json.Marshal(campaign.DaysOf(time.Sunday, time.Monday, time.Saturday))
	require.NoError(t, err)
	assert.JSONEq(t, `["mon", "sat", "sun"]`, string(written))
	assert.Equal(t, "mon, sat, sun", campaign.DaysOf(time.Saturday, time.Sunday, time.Monday).String())
	for text, message := range map[string]string{
		`["mon", "mon"]`: "the day mon is named twice",
		`["monday"]`:     `no day "monday"; take some of mon, tue, wed, thu, fri, sat, sun`,
		`["Mon"]`:        `no day "Mon"`,
		`["Monday", "tue", "MON", "", "tue", "tue"]`:    `there is no day "Monday", "MON", ""; take some of mon, tue, wed, thu, fri, sat, sun; the day tue is named twice; name it once`,
		`["sat", "mon", "mon", "sat"]`:                  "the days mon, sat are named twice; name each once",
		`["1", "2", "3", "4", "5", "6", "7", "8", "9"]`: `"6", "7", and 2 more; take some of`,
		`[""]`:  `no day ""`,
		`"mon"`: `days must be a list, like ["mon", "tue"]`,
		`[1]`:   "days must be a list",
	} {
		days := campaign.DaysOf(time.Friday)
		require.ErrorContains(t, json.Unmarshal([]byte(text), &days), message, text)
		require.Equal(t, campaign.DaysOf(time.Friday), days)
	}
}

func TestDaysHas(t *testing.T) {
	set := campaign.DaysOf(time.Monday, time.Friday)
	for d := time.Sunday; d <= time.Saturday; d++ {
		assert.Equal(t, d == time.Monday || d == time.Friday, set.Has(d), d)
	}
}

func TestScheduleTravelsAsText(t *testing.T) {
	s := campaign.Schedule{
		TimeZone:    "Europe/Paris",
		Windows:     []campaign.Window{{Days: campaign.DaysOf(time.Monday), Span: campaign.Span{Start: 570, End: campaign.Midnight}}},
		ClosedDates: []campaign.Date{{Year: 2026, Month: time.December, Day: 25}},
		SpecialDates: []campaign.SpecialDate{
			{Date: campaign.Date{Year: 2026, Month: time.December, Day: 24}, Windows: []campaign.Span{{Start: 540, End: 720}}},
		},
		StartAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}
	written, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"time_zone": "Europe/Paris",
		"windows": [{"days": ["mon"], "start": "09:30", "end": "24:00"}],
		"closed_dates": ["2026-12-25"],
		"special_dates": [{"date": "2026-12-24", "windows": [{"start": "09:00", "end": "12:00"}]}],
		"start_at": "2026-06-01T00:00:00Z"
	}`, string(written))
	var back campaign.Schedule
	require.NoError(t, json.Unmarshal(written, &back))
	require.Equal(t, s, back)

	written, err = json.Marshal(campaign.Schedule{})
	require.NoError(t, err)
	require.Equal(t, "{}", string(written))
}

func TestScheduleEnds(t *testing.T) {
	end := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	s := campaign.Schedule{EndAt: end}
	assert.False(t, s.Ended(end.Add(-1)))
	assert.True(t, s.Ended(end), "nothing is dialled at the end itself")
	assert.False(t, campaign.Schedule{}.Ended(end))
}
