package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

// selectCampaigns is a campaign with its counters; deleted ones are as if they
// were not there.
const selectCampaigns = `
select c.id, c.settings::text, c.status, c.armed, c.created_at, c.updated_at, c.started_at, c.ended_at,
       s.total, s.queued, s.in_progress, s.retry_wait, s.completed, s.failed, s.canceled, s.attempts, s.retries
from campaigns c join campaign_stats s on s.campaign_id = c.id
where c.deleted_at is null`

// querier is the pool or a transaction.
type querier interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

func scanCampaign(row pgx.Row) (c campaign.Campaign, err error) {
	var settings string
	var started, ended *time.Time
	s := &c.Stats
	if err := row.Scan(&c.ID, &settings, &c.Status, &c.Armed, &c.CreatedAt, &c.UpdatedAt, &started, &ended,
		&s.Total, &s.Queued, &s.InProgress, &s.RetryWait, &s.Completed, &s.Failed, &s.Canceled, &s.Attempts, &s.Retries); err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt, c.StartedAt, c.EndedAt = c.CreatedAt.UTC(), c.UpdatedAt.UTC(), utc(started), utc(ended)
	c.Settings, err = code.Settings(settings)
	return c, err
}

// oneCampaign is not_found for an unknown or deleted one.  lock is "", or a
// locking clause for the campaign's row.
func oneCampaign(ctx context.Context, q querier, id campaign.ID, lock string) (campaign.Campaign, error) {
	c, err := scanCampaign(q.QueryRow(ctx, selectCampaigns+` and c.id = $1 `+lock, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return c, refuse.NoCampaign(id)
	}
	return c, err
}

// each calls f for every row.
func each(rows pgx.Rows, err error, f func(row pgx.Row) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Campaign reads one.
func (s *Store) Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error) {
	c, err := oneCampaign(ctx, s.pool, id, "")
	return c, translate(ctx, "read a campaign", err)
}

// ListCampaigns pages, newest first.
func (s *Store) ListCampaigns(ctx context.Context, q store.CampaignQuery) (out []campaign.Campaign, err error) {
	// Campaigns are few: walking them by id and looking at each is enough.
	rows, err := s.pool.Query(ctx, selectCampaigns+`
and c.id > 1 and ($1 = '' or c.status = $1) and ($2 = 0 or c.id < $2)
order by c.id desc limit $3`, string(q.Status), int64(q.Before), q.Limit)
	err = each(rows, err, func(row pgx.Row) error {
		c, err := scanCampaign(row)
		out = append(out, c)
		return err
	})
	return out, translate(ctx, "list campaigns", err)
}

// CreateCampaign stores a pending campaign with its first contacts.
func (s *Store) CreateCampaign(ctx context.Context, set campaign.Settings, contacts []campaign.Contact, once store.Once) (c campaign.Campaign, err error) {
	column, err := code.OfSettings(set)
	if err != nil {
		return c, err
	}
	zones, err := s.zonesOf(ctx, contacts)
	if err != nil {
		return c, err
	}
	err = s.change(ctx, "create a campaign", func(tx pgx.Tx) error {
		resource, err := createOnce(ctx, tx, once, func() (string, error) {
			id, err := insertCampaign(ctx, tx, column)
			if err != nil {
				return "", err
			}
			// Nobody else knows the campaign yet: its calls need no lock.
			_, err = insertContacts(ctx, tx, id, contacts, zones)
			return id.String(), err
		})
		if err != nil {
			return err
		}
		id, err := campaign.ParseID(resource)
		if err != nil {
			return err
		}
		c, err = oneCampaign(ctx, tx, id, "")
		return err
	})
	return c, err
}

func insertCampaign(ctx context.Context, tx pgx.Tx, settings string) (id campaign.ID, err error) {
	// Both rows in one statement; ids of campaigns need not ascend with commits.
	err = tx.QueryRow(ctx, `
with c as (
    insert into campaigns (settings, status, created_at, updated_at) values ($1, $2, $3, $3) returning id)
insert into campaign_stats (campaign_id) select id from c returning campaign_id`,
		settings, string(campaign.StatusPending), code.Time(time.Now())).Scan(&id)
	return id, err
}

// contactChunk is how many contacts go into one statement.
const contactChunk = 5000

// insertContacts adds those that are new, each with the number of its zones, and
// counts them.
func insertContacts(ctx context.Context, tx pgx.Tx, id campaign.ID, contacts []campaign.Contact, zones []int32) (added int, err error) {
	now := code.Time(time.Now())
	for len(contacts) > 0 {
		n := min(contactChunk, len(contacts))
		phones, variables := make([]string, n), make([]*string, n)
		for i, c := range contacts[:n] {
			phones[i], variables[i] = c.Phone, text(c.Variables)
		}
		var fresh int
		// "on conflict" takes care of numbers that are there and of those that the
		// statement itself repeats.  What was inserted is what is counted.
		if err := tx.QueryRow(ctx, `
with fresh as (
    insert into calls (campaign_id, phone, variables, zone, created_at)
    select $1, u.phone, u.variables::json, u.zone, $5
    from unnest($2::text[], $3::text[], $4::int[]) with ordinality u (phone, variables, zone, n) order by u.n
    on conflict (campaign_id, phone) where campaign_id > 1 do nothing returning 1),
counted as (select count(*) as n from fresh)
update campaign_stats set total = total + counted.n, queued = queued + counted.n
from counted where campaign_id = $1 returning counted.n`, int64(id), phones, variables, zones[:n], now).Scan(&fresh); err != nil {
			return added, err
		}
		added += fresh
		contacts, zones = contacts[n:], zones[n:]
	}
	return added, nil
}

// AddContacts adds those that the campaign does not have.
func (s *Store) AddContacts(ctx context.Context, id campaign.ID, contacts []campaign.Contact) (added int, err error) {
	zones, err := s.zonesOf(ctx, contacts)
	if err != nil {
		return 0, err
	}
	err = s.change(ctx, "add contacts", func(tx pgx.Tx) error {
		if err := lockGrowth(ctx, tx, id); err != nil {
			return err
		}
		// Locked, so that the campaign can't end before the contacts are in.
		c, err := oneCampaign(ctx, tx, id, "for share of c")
		if err != nil {
			return err
		}
		if err := refuse.Growable(id, c.Status); err != nil {
			return err
		}
		added, err = insertContacts(ctx, tx, id, contacts, zones)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// lockGrowth lets one transaction at a time draw ids for a campaign's calls and
// commit them: else a later id could be seen before an earlier one, and a reader's
// cursor would pass it by.  Other transactions of the campaign are not held up.
func lockGrowth(ctx context.Context, tx pgx.Tx, id campaign.ID) error {
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1, $2)`, lockGrow, int32(id&0x7fffffff))
	return err
}
