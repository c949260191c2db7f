package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"dialtone/campaign"
	"dialtone/store"
)

// What a campaign's owner asks about the calls that wait.  The status is looked
// up in the row: in an index, it would cost every update.  Each names its index,
// so that it fails rather than walk another.
const (
	selectQueued = `
select id, claim, zone, phone, provider from calls indexed by calls_campaign
where campaign_id = ? and id > ? and status = 0 order by id limit ?`

	selectQueuedOf = `
select id, claim, zone, phone, provider from calls indexed by calls_zone
where campaign_id = ? and zone = ? and id > ? and status = 0 order by id limit ?`

	// From each zone a leap to the next one that the index has.
	selectZones = `
with recursive c (zone) as (
    select -1
    union all
    select (select zone from calls indexed by calls_zone where campaign_id = ?1 and zone > c.zone order by zone limit 1)
    from c where c.zone is not null)
select c.zone, coalesce(z.names, '') from c left join zones z on z.id = c.zone
where c.zone >= 0 order by c.zone`

	selectUnfinished = `
select queued + retry_wait + in_progress * ?2 > 0 from campaign_stats where campaign_id = ?1`

	// In the order of the rows: that saves more than sorting the zones costs.
	selectWaiting = `
select zone, count(*) filter (where status = 0), count(*) filter (where status = 2) from calls indexed by calls_campaign
where campaign_id = ? and status in (0, 2) group by zone`

	// It walks the zone as far as the first that is wanted.
	selectUnfinishedOf = `
select true from calls indexed by calls_zone
where campaign_id = ? and zone = ? and (status in (0, 2) or status = 1 and ?) limit 1`
)

// Queued is the next page of queued calls.
func (s *Store) Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) (out []store.Waiting, err error) {
	query, args := selectQueued, []any{id, after, limit}
	if zone != campaign.AnyZone {
		query, args = selectQueuedOf, []any{id, zone, after, limit}
	}
	rows, err := s.reader.QueryContext(ctx, query, args...)
	err = each(rows, err, func(scan func(...any) error) error {
		var w store.Waiting
		err := scan(&w.ID, &w.Claim, &w.Zone, &w.Phone, &w.Provider)
		out = append(out, w)
		return err
	})
	return out, translate(ctx, "read queued calls", err)
}

// Zones lists the zones in which a campaign has calls.
func (s *Store) Zones(ctx context.Context, id campaign.ID) (out []store.Zone, err error) {
	rows, err := s.reader.QueryContext(ctx, selectZones, id)
	err = each(rows, err, func(scan func(...any) error) error {
		var z store.Zone
		err := scan(&z.ID, &z.Zones)
		out = append(out, z)
		return err
	})
	return out, translate(ctx, "list a campaign's zones", err)
}

// Waiting counts the calls that are to be dialled, by zone.
func (s *Store) Waiting(ctx context.Context, id campaign.ID) (map[campaign.ZoneID]store.Backlog, error) {
	out := make(map[campaign.ZoneID]store.Backlog)
	rows, err := s.reader.QueryContext(ctx, selectWaiting, id)
	err = each(rows, err, func(scan func(...any) error) error {
		var zone campaign.ZoneID
		var n store.Backlog
		err := scan(&zone, &n.Queued, &n.RetryWait)
		out[zone] = n
		return err
	})
	return out, translate(ctx, "count the calls that wait", err)
}

// Unfinished reports whether a zone has a call that waits or, with underway, is up.
func (s *Store) Unfinished(ctx context.Context, id campaign.ID, zone campaign.ZoneID, underway bool) (some bool, err error) {
	query, args := selectUnfinished, []any{id, underway}
	if zone != campaign.AnyZone {
		query, args = selectUnfinishedOf, []any{id, zone, underway}
	}
	err = s.reader.QueryRowContext(ctx, query, args...).Scan(&some)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return some, translate(ctx, "look for unfinished calls", err)
}

// zonesOf are the numbers of the contacts' zones.
func (s *Store) zonesOf(ctx context.Context, contacts []campaign.Contact) ([]int32, error) {
	return s.zones.Of(contacts, func(names []string) (map[campaign.Zones]campaign.ZoneID, error) { return s.numberZones(ctx, names) })
}

func (s *Store) numberZones(ctx context.Context, names []string) (map[campaign.Zones]campaign.ZoneID, error) {
	ids := make(map[campaign.Zones]campaign.ZoneID, len(names))
	err := s.change(ctx, "number time zones", func(tx *sql.Tx) error {
		for _, name := range names {
			var id campaign.ZoneID
			// Another process, or this one before it was restarted, may have been here.
			if _, err := tx.ExecContext(ctx, `insert into zones (names) values (?) on conflict (names) do nothing`, name); err != nil {
				return err
			}
			if err := tx.QueryRowContext(ctx, `select id from zones where names = ?`, name).Scan(&id); err != nil {
				return err
			}
			ids[campaign.Zones(name)] = id
		}
		return nil
	})
	return ids, err
}
