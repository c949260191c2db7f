package ingest

import (
	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/campaign/phone"
)

// Zones are the time zones in which a number may be: the one that was given, else
// those that the number itself tells, which may be none.
func Zones(e164, given string) (campaign.Zones, error) {
	if given == "" {
		return phone.Zones(e164), nil
	}
	if !hours.KnownZone(given) {
		return "", refuse(e164, "There is no time zone %q: give an IANA name like America/New_York, or leave it empty.", clip(given))
	}
	return campaign.Zones(given), nil
}
