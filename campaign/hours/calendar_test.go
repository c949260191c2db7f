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

func TestNextDay(t *testing.T) {
	for _, tt := range []struct{ name, zones, from, want string }{
		{"plain", "America/New_York", "2026-06-01T12:00:00Z", "2026-06-02T04:00:00Z"},
		{"at midnight itself", "America/New_York", "2026-06-01T04:00:00Z", "2026-06-02T04:00:00Z"},
		{"the last of several", "America/New_York America/Los_Angeles Asia/Tokyo", "2026-06-01T12:00:00Z", "2026-06-02T07:00:00Z"},
		{"a short day", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		{"Samoa goes from Thursday to Saturday", "Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z"},
		{"Cairo's day begins at one", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"},
		{"Cairo's Thursday begins its last hour again", "Africa/Cairo", "2026-10-29T12:00:00Z", "2026-10-29T22:00:00Z"},
		{"Beirut's Saturday too", "Asia/Beirut", "2026-10-24T12:00:00Z", "2026-10-24T22:00:00Z"},
		{"St John's Sunday began twice, and the second counts", "America/St_Johns", "2010-11-06T12:00:00Z", "2010-11-07T03:30:00Z"},
		{"from its first beginning it is Monday that comes next", "America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-08T03:30:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := hours.New(campaign.Schedule{TimeZone: campaign.ZoneOfContact}, strings.Fields(tt.zones)...)
			require.NoError(t, err)
			assert.Equal(t, tt.want, c.NextDay(at(tt.from)).Format(time.RFC3339))
		})
	}
}

func TestDay(t *testing.T) {
	c, err := hours.New(campaign.Schedule{TimeZone: "Asia/Tokyo"})
	require.NoError(t, err)
	assert.Equal(t, campaign.Day(0), c.Day(at("1969-12-31T15:00:00Z")))
	assert.Equal(t, campaign.Day(-1), c.Day(at("1969-12-31T14:59:59.9Z")))
	assert.Equal(t, campaign.Day(20454), c.Day(at("2026-01-01T00:00:00Z")))
}

// The end that package time gives for the last day of a leap year is not later
// than that day.  If this fails, Go has been mended, and stretch may be too.
func TestLastDayOfLeapYear(t *testing.T) {
	loc, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	last := at("2040-12-31T12:00:00Z").In(loc)
	_, end := last.ZoneBounds()
	require.False(t, end.After(last))
}

func TestNew(t *testing.T) {
	perContact := campaign.Schedule{TimeZone: campaign.ZoneOfContact, Windows: week("09:00-10:00")}
	_, err := hours.New(perContact)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	for _, name := range []string{"", "Local", "Mars/Olympus", "contact"} {
		_, err = hours.New(perContact, "UTC", name)
		require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err), name)
	}

	// A schedule with a zone of its own does not look at others.
	own := campaign.Schedule{TimeZone: "Asia/Tokyo", Windows: week("09:00-10:00")}
	c, err := hours.New(own, "America/New_York", "Mars/Olympus")
	require.NoError(t, err)
	require.True(t, c.Open(at("2026-06-01T00:30:00Z")))

	// One with no more than a start is in UTC.
	c, err = hours.New(campaign.Schedule{StartAt: at("2026-06-01T00:30:00Z")})
	require.NoError(t, err)
	require.Equal(t, at("2026-06-02T00:00:00Z"), c.NextDay(at("2026-06-01T00:30:00Z")))
}

func TestTimesComeBackWhereTheyCameFrom(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	c, err := hours.New(campaign.Schedule{TimeZone: "UTC", Windows: week("09:00-10:00"), StartAt: at("2026-06-01T09:30:00Z"), EndAt: at("2026-06-02T09:30:00Z")})
	require.NoError(t, err)
	list := c.Intervals(at("2026-05-01T00:00:00Z").In(tokyo), 2)
	require.Len(t, list, 2)
	for _, i := range list {
		require.Equal(t, tokyo, i.Opens.Location())
		require.Equal(t, tokyo, i.Closes.Location())
	}
}

func TestZeroCalendarIsNeverOpen(t *testing.T) {
	var c hours.Calendar
	now := at("2026-06-01T12:00:00Z")
	require.False(t, c.Open(now))
	_, ok := c.NextOpen(now)
	require.False(t, ok)
	closes, ok := c.Close(now)
	require.True(t, ok)
	require.Equal(t, now, closes)
	require.Empty(t, c.Intervals(now, 3))
	require.Equal(t, at("2026-06-02T00:00:00Z"), c.NextDay(now))
}

func TestKnownZone(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+12", "GB-Eire"} {
		assert.True(t, hours.KnownZone(name), name)
	}
	for _, name := range []string{
		"", "Local", "Factory", "contact", "EST ", " UTC", "europe/paris", "Europe/paris", "Europe", "Europe/", "/Europe/Paris", "../etc/localtime", "Europe/../UTC",
		"posixrules", "localtime", "right/Europe/Paris", "posix/Europe/Paris", "zone.tab", "Mars/Olympus", "UTC+2", "Europe\\Paris", "Europe/Paris\x00",
	} {
		assert.False(t, hours.KnownZone(name), name)
	}
}
