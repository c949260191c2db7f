package hours_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// All instants are worked out by hand, from the published times of the changes.
func TestIntervals(t *testing.T) {
	for _, tt := range []struct {
		name     string
		zones    string
		schedule campaign.Schedule
		from     string
		want     []string // from/to
	}{
		{
			"a US campaign goes on at nine by the clock after the change to summer time", "America/New_York",
			campaign.Schedule{Windows: week(workdays)}, "2026-03-06T00:00:00Z",
			[]string{"2026-03-06T14:00:00Z/2026-03-06T22:00:00Z", "2026-03-09T13:00:00Z/2026-03-09T21:00:00Z"},
		},
		{
			"and after the change back", "America/New_York",
			campaign.Schedule{Windows: week(workdays)}, "2026-10-30T00:00:00Z",
			[]string{"2026-10-30T13:00:00Z/2026-10-30T21:00:00Z", "2026-11-02T14:00:00Z/2026-11-02T22:00:00Z"},
		},
		{
			"both coasts", "America/New_York America/Los_Angeles",
			campaign.Schedule{Windows: week(workdays)}, "2026-03-06T00:00:00Z",
			[]string{"2026-03-06T17:00:00Z/2026-03-06T22:00:00Z", "2026-03-09T16:00:00Z/2026-03-09T21:00:00Z"},
		},
		{
			"both coasts on the day of the change, which comes to the west three hours later", "America/Los_Angeles America/New_York",
			campaign.Schedule{Windows: week("01:30-05:00")}, "2026-03-08T05:00:00Z",
			// New York 06:30-09:00, one hour short; Los Angeles 09:30-12:00: no meeting.
			// The day after 05:30-09:00 and 08:30-12:00.
			[]string{"2026-03-09T08:30:00Z/2026-03-09T09:00:00Z"},
		},
		{
			"a window in the hour left out does not come", "America/New_York",
			campaign.Schedule{Windows: week("02:15-02:45")}, "2026-03-08T00:00:00Z",
			[]string{"2026-03-09T06:15:00Z/2026-03-09T06:45:00Z"},
		},
		{
			"one that reaches into it is short", "America/New_York",
			campaign.Schedule{Windows: week("01:30-02:30, 02:45-03:15")}, "2026-03-08T00:00:00Z",
			[]string{"2026-03-08T06:30:00Z/2026-03-08T07:15:00Z"},
		},
		{
			"one in the hour that comes twice opens twice", "America/New_York",
			campaign.Schedule{Windows: week("01:15-01:45")}, "2026-11-01T00:00:00Z",
			[]string{"2026-11-01T05:15:00Z/2026-11-01T05:45:00Z", "2026-11-01T06:15:00Z/2026-11-01T06:45:00Z"},
		},
		{
			"the second time too when it is the last of all", "America/New_York",
			campaign.Schedule{Windows: []campaign.Window{{}}, SpecialDates: special("2026-11-01", "01:15-01:45")}, "2026-11-01T05:50:00Z",
			[]string{"2026-11-01T06:15:00Z/2026-11-01T06:45:00Z"},
		},
		{
			"Lord Howe goes back by half an hour", "Australia/Lord_Howe",
			campaign.Schedule{Windows: week("01:30-02:00")}, "2026-04-04T12:00:00Z",
			[]string{"2026-04-04T14:30:00Z/2026-04-04T15:30:00Z", "2026-04-05T15:00:00Z/2026-04-05T15:30:00Z"},
		},
		{
			"Lord Howe leaves half an hour out", "Australia/Lord_Howe",
			campaign.Schedule{Windows: week("02:00-02:15")}, "2026-10-03T12:00:00Z",
			[]string{"2026-10-04T15:00:00Z/2026-10-04T15:15:00Z"},
		},
		{
			"Lord Howe, half of it left out", "Australia/Lord_Howe",
			campaign.Schedule{Windows: week("02:15-02:45")}, "2026-10-03T12:00:00Z",
			[]string{"2026-10-03T15:30:00Z/2026-10-03T15:45:00Z"},
		},
		{
			"Samoa had no Friday", "Pacific/Apia",
			campaign.Schedule{Windows: week(workdays)}, "2011-12-29T18:00:00Z",
			[]string{"2011-12-29T19:00:00Z/2011-12-30T03:00:00Z", "2012-01-01T19:00:00Z/2012-01-02T03:00:00Z"},
		},
		{
			"but what Friday's window leaves past midnight is there", "Pacific/Apia",
			campaign.Schedule{Windows: week("fri 22:00-02:00")}, "2011-12-29T18:00:00Z",
			[]string{"2011-12-30T10:00:00Z/2011-12-30T12:00:00Z"},
		},
		{
			"Kwajalein had no Saturday", "Pacific/Kwajalein",
			campaign.Schedule{Windows: week("09:00-10:00")}, "1993-08-20T20:00:00Z",
			[]string{"1993-08-20T21:00:00Z/1993-08-20T22:00:00Z", "1993-08-21T21:00:00Z/1993-08-21T22:00:00Z"},
		},
		{
			"Cairo has no midnight", "Africa/Cairo",
			campaign.Schedule{Windows: week("fri 00:00-02:00")}, "2026-04-23T12:00:00Z",
			[]string{"2026-04-23T22:00:00Z/2026-04-23T23:00:00Z"},
		},
		{
			"Cairo has eleven at night twice", "Africa/Cairo",
			campaign.Schedule{Windows: week("thu 23:00-24:00")}, "2026-10-29T12:00:00Z",
			[]string{"2026-10-29T20:00:00Z/2026-10-29T22:00:00Z"},
		},
		{
			"Cairo, across the midnight that comes at the second try", "Africa/Cairo",
			campaign.Schedule{Windows: week("thu 22:00-01:00")}, "2026-10-29T12:00:00Z",
			[]string{"2026-10-29T19:00:00Z/2026-10-29T23:00:00Z"},
		},
		{
			"Beirut has no midnight", "Asia/Beirut",
			campaign.Schedule{ClosedDates: dates("2026-03-28")}, "2026-03-27T22:30:00Z",
			[]string{"2026-03-28T22:00:00Z/"},
		},
		{
			"Beirut's closed day has twenty-five hours", "Asia/Beirut",
			campaign.Schedule{ClosedDates: dates("2026-10-24")}, "2026-10-23T12:00:00Z",
			[]string{"2026-10-23T12:00:00Z/2026-10-23T21:00:00Z", "2026-10-24T22:00:00Z/"},
		},
		{
			"St John's fell back a minute after midnight", "America/St_Johns",
			campaign.Schedule{Windows: week("sat 23:00-24:00")}, "2010-11-06T12:00:00Z",
			[]string{"2010-11-07T01:30:00Z/2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z/2010-11-07T03:30:00Z"},
		},
		{
			"St John's, where closed Saturday came back", "America/St_Johns",
			campaign.Schedule{ClosedDates: dates("2010-11-06")}, "2010-11-06T12:00:00Z",
			[]string{"2010-11-07T02:30:00Z/2010-11-07T02:31:00Z", "2010-11-07T03:30:00Z/"},
		},
		{
			"Kathmandu is 5:45 ahead", "Asia/Kathmandu",
			campaign.Schedule{Windows: week("09:00-17:00")}, "2026-06-01T00:00:00Z",
			[]string{"2026-06-01T03:15:00Z/2026-06-01T11:15:00Z"},
		},
		{
			"Chatham is 12:45 ahead and changes at 02:45", "Pacific/Chatham",
			campaign.Schedule{Windows: week("sun 02:30-03:30")}, "2026-09-26T00:00:00Z",
			[]string{"2026-09-26T13:45:00Z/2026-09-26T14:00:00Z"},
		},
		{
			"Chatham, twice", "Pacific/Chatham",
			campaign.Schedule{Windows: week("sun 03:00-03:30")}, "2026-04-04T00:00:00Z",
			[]string{"2026-04-04T13:15:00Z/2026-04-04T13:45:00Z", "2026-04-04T14:15:00Z/2026-04-04T14:45:00Z"},
		},
		{
			"Monrovia was 44 minutes and 30 seconds behind until 7 January 1972", "Africa/Monrovia",
			campaign.Schedule{Windows: week("09:00-10:00")}, "1972-01-06T00:00:00Z",
			[]string{"1972-01-06T09:44:30Z/1972-01-06T10:44:30Z", "1972-01-07T09:00:00Z/1972-01-07T10:00:00Z"},
		},
		{
			"before 1970", "UTC",
			campaign.Schedule{Windows: week("wed 23:00-01:00")}, "1969-12-31T12:00:00Z",
			[]string{"1969-12-31T23:00:00Z/1970-01-01T01:00:00Z"},
		},
		{
			"Friday night lasts into a closed Saturday", "UTC",
			campaign.Schedule{Windows: week("22:00-02:00"), ClosedDates: dates("2026-06-06")}, "2026-06-05T12:00:00Z",
			[]string{"2026-06-05T22:00:00Z/2026-06-06T02:00:00Z", "2026-06-07T22:00:00Z/2026-06-08T02:00:00Z"},
		},
		{
			"a closed Friday leaves nothing on Saturday", "UTC",
			campaign.Schedule{Windows: week("fri sat 22:00-02:00"), ClosedDates: dates("2026-06-05")}, "2026-06-05T00:30:00Z",
			[]string{"2026-06-06T22:00:00Z/2026-06-07T02:00:00Z"},
		},
		{
			"a special date leaves its own rest", "UTC",
			campaign.Schedule{Windows: week("mon 09:00-10:00"), SpecialDates: special("2026-06-05", "23:00-01:00")}, "2026-06-05T00:00:00Z",
			[]string{"2026-06-05T23:00:00Z/2026-06-06T01:00:00Z", "2026-06-08T09:00:00Z/2026-06-08T10:00:00Z"},
		},
		{
			"a special date without windows is closed", "UTC",
			campaign.Schedule{Windows: week("09:00-10:00"), SpecialDates: special("2026-06-05")}, "2026-06-05T00:00:00Z",
			[]string{"2026-06-06T09:00:00Z/2026-06-06T10:00:00Z"},
		},
		{
			"a special date opens a closed weekday", "UTC",
			campaign.Schedule{Windows: week("mon 09:00-10:00"), SpecialDates: special("2026-06-06", "10:00-11:00", "12:00-24:00")}, "2026-06-05T00:00:00Z",
			[]string{"2026-06-06T10:00:00Z/2026-06-06T11:00:00Z", "2026-06-06T12:00:00Z/2026-06-07T00:00:00Z"},
		},
		{
			"windows that touch at 24:00 are one", "UTC",
			campaign.Schedule{Windows: week("mon 20:00-24:00, tue 00:00-04:00")}, "2026-06-01T00:00:00Z",
			[]string{"2026-06-01T20:00:00Z/2026-06-02T04:00:00Z"},
		},
		{
			"a window that ends at 00:00 ends at midnight", "UTC",
			campaign.Schedule{Windows: week("mon 20:00-00:00")}, "2026-06-01T00:00:00Z",
			[]string{"2026-06-01T20:00:00Z/2026-06-02T00:00:00Z"},
		},
		{
			"open at from begins at from, with its fraction", "UTC",
			campaign.Schedule{Windows: week("09:00-10:00")}, "2026-06-01T09:59:59.999999999Z",
			[]string{"2026-06-01T09:59:59.999999999Z/2026-06-01T10:00:00Z", "2026-06-02T09:00:00Z/2026-06-02T10:00:00Z"},
		},
		{
			"start and end bound it, to the nanosecond", "UTC",
			campaign.Schedule{Windows: week("09:00-10:00"), StartAt: at("2026-06-01T09:30:00.5Z"), EndAt: at("2026-06-02T09:00:00.000000001Z")}, "2026-05-01T00:00:00Z",
			[]string{"2026-06-01T09:30:00.5Z/2026-06-01T10:00:00Z", "2026-06-02T09:00:00Z/2026-06-02T09:00:00.000000001Z"},
		},
		{
			"an end at the opening leaves nothing", "UTC",
			campaign.Schedule{Windows: week("09:00-10:00"), EndAt: at("2026-06-01T09:00:00Z")}, "2026-05-31T12:00:00Z",
			nil,
		},
		{
			"always never closes", "America/New_York",
			campaign.Schedule{}, "2026-06-01T00:00:00Z",
			[]string{"2026-06-01T00:00:00Z/"},
		},
		{
			"nor does every whole day", "America/New_York Africa/Cairo",
			campaign.Schedule{Windows: week("00:00-12:00, 12:00-24:00")}, "2026-06-01T00:00:00Z",
			[]string{"2026-06-01T00:00:00Z/"},
		},
		{
			"a special date that is past does not come again", "America/New_York",
			campaign.Schedule{Windows: []campaign.Window{{}}, SpecialDates: special("2026-06-01", "09:00-10:00")}, "2026-06-01T14:00:00Z",
			nil,
		},
		{
			"nor does one in the hour left out", "America/New_York",
			campaign.Schedule{Windows: []campaign.Window{{}}, SpecialDates: special("2026-03-08", "02:15-02:45")}, "2026-01-01T00:00:00Z",
			nil,
		},
		{
			"zones whose hours never meet", "Europe/London America/New_York",
			campaign.Schedule{Windows: week("09:00-10:00")}, "2026-01-01T00:00:00Z",
			nil,
		},
		{
			"zones that meet in three weeks of spring only", "Europe/London America/New_York",
			campaign.Schedule{Windows: week("08:00-08:30, 12:15-12:45")}, "2026-06-01T00:00:00Z",
			// In autumn too: New York is four hours behind from 25 October to 1 November.
			[]string{"2026-10-25T12:15:00Z/2026-10-25T12:30:00Z"},
		},
		{
			"by the yearly rule, past the last day of a leap year", "America/New_York",
			campaign.Schedule{Windows: week("tue 09:00-10:00")}, "2040-12-31T12:00:00Z",
			[]string{"2041-01-01T14:00:00Z/2041-01-01T15:00:00Z"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.schedule.TimeZone = campaign.ZoneOfContact
			c, err := hours.New(tt.schedule, strings.Fields(tt.zones)...)
			require.NoError(t, err)
			var got []string
			for _, i := range c.Intervals(at(tt.from), max(1, len(tt.want))) {
				got = append(got, i.Opens.Format(time.RFC3339Nano)+"/"+closing(i))
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func closing(i hours.Interval) string {
	if i.Closes.IsZero() {
		return ""
	}
	return i.Closes.Format(time.RFC3339Nano)
}
