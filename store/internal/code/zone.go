package code

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"dialtone/campaign"
)

// Zones remembers which number a store has for which Zones.  A number that has
// been committed is never changed or taken back, so what is remembered stays true,
// whatever other processes do.  There are some hundreds of them in the world.
//
// The zero value is ready.  All methods may be called concurrently.
type Zones struct {
	mu  sync.RWMutex
	ids map[campaign.Zones]campaign.ZoneID
}

// Of are the numbers of the contacts' Zones.  Those that have none get theirs from
// number, which is to have committed them when it returns, in a transaction of its
// own: what is remembered has been committed then, and nobody waits for another's
// contacts.
func (z *Zones) Of(contacts []campaign.Contact, number func(names []string) (map[campaign.Zones]campaign.ZoneID, error)) ([]int32, error) {
	if names := z.unknown(contacts); len(names) > 0 {
		ids, err := number(names)
		if err != nil {
			return nil, err
		}
		z.learn(ids)
	}
	return z.known(contacts)
}

// unknown lists those of the contacts' Zones that have no number yet, as far as is
// remembered: each once, and in order, so that processes which give them numbers
// at the same time wait for each other but never in a circle.
func (z *Zones) unknown(contacts []campaign.Contact) []string {
	z.mu.RLock()
	defer z.mu.RUnlock()
	var out []string
	last := campaign.Zones("") // has its number, 0
	for _, c := range contacts {
		if c.Zones == last {
			continue
		}
		last = c.Zones
		if _, known := z.ids[last]; !known && last != "" {
			out = append(out, string(last))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// learn takes the numbers of Zones.
//
// Invariant: they have been committed.  The number of a transaction that comes to
// nothing may be given to others.
func (z *Zones) learn(ids map[campaign.Zones]campaign.ZoneID) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.ids == nil {
		z.ids = map[campaign.Zones]campaign.ZoneID{}
	}
	maps.Copy(z.ids, ids)
}

// known are the numbers of the contacts' Zones, of which none may be unknown.
func (z *Zones) known(contacts []campaign.Contact) ([]int32, error) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	out := make([]int32, len(contacts))
	for i, c := range contacts {
		id, known := z.ids[c.Zones]
		if !known && c.Zones != "" {
			return nil, fmt.Errorf("the zones %q have got no number", c.Zones)
		}
		out[i] = int32(id)
	}
	return out, nil
}
