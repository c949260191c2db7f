package hours

import "dialtone/campaign"

// Of is the calendar of a campaign's numbers in some zones: the schedule's own; or,
// where that goes by the contact's clock, that of the zones, or of the campaign's
// default for numbers of which none is known.  Without a default they have none,
// which is an error.
func Of(s campaign.Settings, zones campaign.Zones) (Calendar, error) {
	return New(s.Schedule, namesOf(s, zones)...)
}

// Clock tells the date where a number is, whatever the schedule: in its zones, else
// the campaign's default, else the schedule's, else in UTC.
func Clock(s campaign.Settings, zones campaign.Zones) Calendar {
	names := namesOf(s, zones)
	if names == nil && s.Schedule.TimeZone != "" && !s.Schedule.PerContact() {
		names = []string{s.Schedule.TimeZone}
	}
	c, err := New(campaign.Schedule{TimeZone: campaign.ZoneOfContact}, names...)
	if err != nil {
		c, _ = New(campaign.Schedule{}) // UTC is always there
	}
	return c
}

func namesOf(s campaign.Settings, zones campaign.Zones) []string {
	if names := zones.Names(); names != nil {
		return names
	}
	if s.DefaultTimeZone != "" {
		return []string{s.DefaultTimeZone}
	}
	return nil
}
