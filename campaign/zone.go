package campaign

import (
	"slices"
	"strings"
)

// Zones are the time zones that a number may be in: IANA names in order,
// separated by commas.  "" means that none is known.
type Zones string

// ZonesOf puts names in order and drops what is there twice.
func ZonesOf(names ...string) Zones {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return Zones(strings.Join(slices.Compact(sorted), ","))
}

// Names lists them; nil for none.
func (z Zones) Names() []string {
	if z == "" {
		return nil
	}
	return strings.Split(string(z), ",")
}

// ZoneID is a store's number for Zones; 0 is for those of which nothing is known.
type ZoneID int32

// AnyZone stands for the numbers of all zones together.
const AnyZone ZoneID = -1

// Day is a date as the number of days since 1 January 1970.
type Day int32

// Tally counts a call's attempts that cost by how they ended, eight bits for each
// disposition.  The numbers of the places are stored: they are never changed.
type Tally uint64

// tallied gives each disposition its place.
var tallied = []Disposition{
	DispositionCompleted, DispositionBusy, DispositionNoAnswer, DispositionFailed,
	DispositionCanceled, DispositionRejected, DispositionLost,
}

// Of is how many ended so.
func (t Tally) Of(d Disposition) int {
	at := slices.Index(tallied, d)
	if at < 0 {
		return 0
	}
	return int(t >> (8 * at) & 0xff)
}

// With counts one more that ended so.  A full count stays as it is.
func (t Tally) With(d Disposition) Tally {
	at := slices.Index(tallied, d)
	if at < 0 || t.Of(d) == 0xff {
		return t
	}
	return t + 1<<(8*at)
}
