package hours_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

func TestWhoseCalendarAndWhoseClock(t *testing.T) {
	office := []campaign.Window{{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 17 * 60}}}
	// 20:00 UTC on a Monday: 15:00 in New York, 05:00 on Tuesday in Tokyo.
	now := time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC)
	const monday, tuesday campaign.Day = 20514, 20515
	for name, c := range map[string]struct {
		zone, fallback string
		number         campaign.Zones
		open           bool
		day            campaign.Day
	}{
		"the contact's":                       {campaign.ZoneOfContact, "Asia/Tokyo", "America/New_York", true, monday},
		"the contact's, elsewhere":            {campaign.ZoneOfContact, "America/New_York", "Asia/Tokyo", false, tuesday},
		"the default":                         {campaign.ZoneOfContact, "Asia/Tokyo", "", false, tuesday},
		"nobody's":                            {campaign.ZoneOfContact, "", "", false, monday},
		"the schedule's, the contact's date":  {"America/New_York", "", "Asia/Tokyo", true, tuesday},
		"the schedule's, the default's date":  {"America/New_York", "Asia/Tokyo", "", true, tuesday},
		"the schedule's":                      {"Asia/Tokyo", "", "", false, tuesday},
		"a zone that this machine lacks here": {campaign.ZoneOfContact, "", "Mars/Olympus", false, monday},
	} {
		t.Run(name, func(t *testing.T) {
			s := campaign.Settings{DefaultTimeZone: c.fallback, Schedule: campaign.Schedule{TimeZone: c.zone, Windows: office}}
			cal, err := hours.Of(s, c.number)
			require.Equal(t, c.open, err == nil && cal.Open(now))
			require.Equal(t, c.day, hours.Clock(s, c.number).Day(now))
		})
	}
}
