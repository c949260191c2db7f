package hours

import (
	"strings"
	"sync"
	"time"

	"dialtone/campaign"
)

// zones keeps what was loaded, by name.  Only zones that exist get in, so that it
// stays as small as the world.
var zones sync.Map // string -> *time.Location

// KnownZone reports whether a name is that of an IANA time zone.
func KnownZone(name string) bool {
	_, ok := zone(name)
	return ok
}

// Zones are the names of the zones that count.
func (c Calendar) Zones() []string {
	names := make([]string, len(c.zones))
	for i, loc := range c.zones {
		names[i] = loc.String()
	}
	return names
}

func zone(name string) (*time.Location, bool) {
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), true
	}
	if !plainName(name) {
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	kept, _ := zones.LoadOrStore(name, loc)
	return kept.(*time.Location), true
}

// plainName keeps out what package time or a system's zone files know besides the
// IANA names, whose parts all begin with a capital: "", "Local", "posixrules",
// "right/Europe/Paris" with its leap seconds, and "europe/paris" where file names
// know no case.  "Factory" is in the list and says that no zone has been chosen.
func plainName(name string) bool {
	if name == "Local" || name == "Factory" {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] < 'A' || part[0] > 'Z' || strings.ContainsFunc(part, oddInName) {
			return false
		}
	}
	return true
}

func oddInName(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '+')
}

func unknownZone(field, name string) *campaign.Error {
	return campaign.Invalid(field, "There is no time zone %q; take a name of the IANA list, like \"America/New_York\", or %q for each number's own.", name, campaign.ZoneOfContact)
}
