package phone

import (
	"slices"
	"strconv"
	"sync"

	"github.com/nyaruka/phonenumbers"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// Zones are the time zones in which a number may be, "" where none is known.  The
// number must be one that Normalize returned.
//
// An area code says where a number is.  A number without one, a mobile in most
// countries, may be in any zone of its country: the library's table has guesses
// for some of them, by who was given the block, which are not believed.
func Zones(e164 string) campaign.Zones {
	if len(e164) < 4 || e164[0] != '+' {
		return ""
	}
	a, precise := world(), prefixZones(e164)
	var buf [32]byte
	digits := append(buf[:0], e164[1:]...)
	n, _, err := international(a, digits)
	if err != nil {
		return precise
	}
	length := len(e164) - len(n.nsn)
	if broad := a.zonesOfCode(n.code); broad == precise || a.geographic(n) {
		return precise
	}
	return prefixZones(e164[:length+a.countryDigits(n)])
}

// geographic reports whether a number says by its digits where it is.
func (a *atlas) geographic(n resolved) bool {
	for _, r := range a.codes[n.code] {
		if r.ready().leading != nil && !r.leading.prefix(n.nsn) {
			continue
		}
		if r.fixed.matches(n.nsn) || placedMobiles[n.code] && r.mobile.matches(n.nsn) {
			return !slices.ContainsFunc(r.unplaced, func(d description) bool { return d.matches(n.nsn) })
		}
	}
	return false
}

// placedMobiles are the calling codes under which mobiles have area codes, or are
// given out by area.  North America is not among them: its mobiles look like fixed
// lines.  Nor is Indonesia, which is on the library's list for some wireless fixed
// lines.
var placedMobiles = map[int]bool{52: true, 54: true, 55: true, 86: true}

// countryDigits is after how many digits of the national number it is certain to
// which of the smaller regions of its calling code it belongs; 0 for the main one,
// whose numbers can't be told from others' by how they start.
func (a *atlas) countryDigits(n resolved) int {
	for _, r := range a.codes[n.code][1:] {
		if r.ready().leading == nil {
			continue
		}
		if length := r.leading.prefixLen(n.nsn); length >= 0 {
			return length
		}
	}
	return 0
}

// zonesOfCode are those of all regions of a calling code together.
func (a *atlas) zonesOfCode(code int) campaign.Zones {
	a.zonesOnce.Do(func() {
		for code := range a.codes {
			if len(a.codes[code]) > 0 {
				a.zones[code] = prefixZones("+" + strconv.Itoa(code))
			}
		}
	})
	return a.zones[code]
}

// prefixZones is what the library's table says of how a number starts.
func prefixZones(e164 string) campaign.Zones {
	names, err := phonenumbers.GetTimezonesForPrefix(e164)
	if err != nil || len(names) == 0 || names[0] == phonenumbers.UNKNOWN_TIMEZONE {
		return ""
	}
	// The library answers with slices of its table, one for each of its few thousand
	// prefixes, so that where they lie in memory tells them apart.
	if z, ok := zonesByEntry.Load(&names[0]); ok {
		return z.(campaign.Zones)
	}
	z, _ := zonesByEntry.LoadOrStore(&names[0], knownZones(names))
	return z.(campaign.Zones)
}

// zonesByEntry caches the table in our words: *string to campaign.Zones.
var zonesByEntry sync.Map

// knownZones drops the names that the zone database has not.
func knownZones(names []string) campaign.Zones {
	return campaign.ZonesOf(slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == phonenumbers.UNKNOWN_TIMEZONE || !hours.KnownZone(name)
	})...)
}
