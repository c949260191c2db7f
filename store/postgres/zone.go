package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
	"dialtone/store"
)

// What a campaign's owner asks about the calls that wait.  The status is looked
// up in the row: in an index, it would cost every update.
const (
	selectQueued = `
select c.id, c.claim, c.zone, c.phone, c.provider from calls c where ` + page + ` and c.status = 0
order by c.campaign_id, c.id limit $3`

	// In the order of the zones' index.
	selectQueuedOf = `
select c.id, c.claim, c.zone, c.phone, c.provider from calls c where ` + zonePage + ` and c.status = 0
order by c.zone, c.campaign_id, c.id limit $4`

	// Each of the zones there are is looked up among the campaign's calls.  "limit 1"
	// holds the planner to that.
	selectZones = `
select z.id, z.names
from (select 0 as id, '' as names union all select id, names from zones) z
cross join lateral (
    select from calls c
    where (c.zone, c.campaign_id, c.id) > (z.id, $1, 0) and (c.zone, c.campaign_id, c.id) < (z.id, $1 + 1, 0)
    limit 1) c
order by z.id`

	selectUnfinished = `
select queued + retry_wait > 0 or $2 and in_progress > 0 from campaign_stats where campaign_id = $1`

	selectWaiting = `
select c.zone, count(*) filter (where c.status = 0), count(*) filter (where c.status = 2) from calls c where ` + page + ` and c.status in (0, 2) group by c.zone`

	// It walks the zone as far as the first that is wanted.
	selectUnfinishedOf = `
select true from calls c where ` + zonePage + ` and (c.status in (0, 2) or $4 and c.status = 1)
order by c.zone, c.campaign_id, c.id limit 1`
)

// Queued is the next page of queued calls.
func (s *Store) Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) (out []store.Waiting, err error) {
	query, args := selectQueued, []any{int64(id), int64(after), limit}
	if zone != campaign.AnyZone {
		query, args = selectQueuedOf, []any{int64(id), int64(after), int32(zone), limit}
	}
	rows, err := s.pool.Query(ctx, query, args...)
	err = each(rows, err, func(row pgx.Row) error {
		var w store.Waiting
		err := row.Scan(&w.ID, &w.Claim, &w.Zone, &w.Phone, &w.Provider)
		out = append(out, w)
		return err
	})
	return out, translate(ctx, "read queued calls", err)
}

// Zones lists the zones in which a campaign has calls.
func (s *Store) Zones(ctx context.Context, id campaign.ID) (out []store.Zone, err error) {
	rows, err := s.pool.Query(ctx, selectZones, int64(id))
	err = each(rows, err, func(row pgx.Row) error {
		var z store.Zone
		err := row.Scan(&z.ID, &z.Zones)
		out = append(out, z)
		return err
	})
	return out, translate(ctx, "list a campaign's zones", err)
}

// Waiting counts the calls that are to be dialled, by zone.
func (s *Store) Waiting(ctx context.Context, id campaign.ID) (map[campaign.ZoneID]store.Backlog, error) {
	out := make(map[campaign.ZoneID]store.Backlog)
	rows, err := s.pool.Query(ctx, selectWaiting, int64(id), int64(0))
	err = each(rows, err, func(row pgx.Row) error {
		var zone campaign.ZoneID
		var n store.Backlog
		err := row.Scan(&zone, &n.Queued, &n.RetryWait)
		out[zone] = n
		return err
	})
	return out, translate(ctx, "count the calls that wait", err)
}

// Unfinished reports whether a zone has a call that waits or, with underway, is up.
func (s *Store) Unfinished(ctx context.Context, id campaign.ID, zone campaign.ZoneID, underway bool) (some bool, err error) {
	query, args := selectUnfinished, []any{int64(id), underway}
	if zone != campaign.AnyZone {
		query, args = selectUnfinishedOf, []any{int64(id), int64(0), int32(zone), underway}
	}
	err = s.pool.QueryRow(ctx, query, args...).Scan(&some)
	if errors.Is(err, pgx.ErrNoRows) {
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
	err := s.change(ctx, "number time zones", func(tx pgx.Tx) error {
		// In the names' order, which is that of all processes: one that finds another
		// at the same name waits for its commit.
		if _, err := tx.Exec(ctx, `
insert into zones (names) select u.names from unnest($1::text[]) with ordinality u (names, n) order by u.n
on conflict (names) do nothing`, names); err != nil {
			return err
		}
		// A statement of its own sees what others had committed by then.
		rows, err := tx.Query(ctx, `select id, names from zones where names = any($1)`, names)
		return each(rows, err, func(row pgx.Row) error {
			var id campaign.ZoneID
			var of campaign.Zones
			err := row.Scan(&id, &of)
			ids[of] = id
			return err
		})
	})
	return ids, err
}
