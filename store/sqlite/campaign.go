package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

// selectCampaigns is a campaign with its counters; deleted ones are as if they
// were not there.
const selectCampaigns = `
select c.id, c.settings, c.status, c.armed, c.created_at, c.updated_at,
       coalesce(c.started_at, 0), coalesce(c.ended_at, 0),
       s.total, s.queued, s.in_progress, s.retry_wait, s.completed, s.failed, s.canceled, s.attempts, s.retries
from campaigns c join campaign_stats s on s.campaign_id = c.id
where c.deleted_at is null`

// querier is a connection pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func scanCampaign(scan func(...any) error) (c campaign.Campaign, err error) {
	var settings string
	var created, updated, started, ended int64
	s := &c.Stats
	if err := scan(&c.ID, &settings, &c.Status, &c.Armed, &created, &updated, &started, &ended,
		&s.Total, &s.Queued, &s.InProgress, &s.RetryWait, &s.Completed, &s.Failed, &s.Canceled, &s.Attempts, &s.Retries); err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt, c.StartedAt, c.EndedAt = moment(created), moment(updated), moment(started), moment(ended)
	c.Settings, err = code.Settings(settings)
	return c, err
}

// oneCampaign is not_found for an unknown or deleted one.
func oneCampaign(ctx context.Context, q querier, id campaign.ID) (campaign.Campaign, error) {
	c, err := scanCampaign(q.QueryRowContext(ctx, selectCampaigns+` and c.id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return c, refuse.NoCampaign(id)
	}
	return c, err
}

// each calls f for every row, and closes them.
func each(rows *sql.Rows, err error, f func(scan func(...any) error) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Campaign reads one.
func (s *Store) Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error) {
	c, err := oneCampaign(ctx, s.reader, id)
	return c, translate(ctx, "read a campaign", err)
}

// ListCampaigns pages, newest first.
func (s *Store) ListCampaigns(ctx context.Context, q store.CampaignQuery) (out []campaign.Campaign, err error) {
	// Campaigns are few: walking them by id and looking at each is enough.
	rows, err := s.reader.QueryContext(ctx, selectCampaigns+`
and c.id > 1 and (?1 = '' or c.status = ?1) and (?2 = 0 or c.id < ?2)
order by c.id desc limit ?3`, string(q.Status), q.Before, q.Limit)
	err = each(rows, err, func(scan func(...any) error) error {
		c, err := scanCampaign(scan)
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
	err = s.change(ctx, "create a campaign", func(tx *sql.Tx) error {
		resource, err := createOnce(ctx, tx, once, func() (string, error) {
			id, err := insertCampaign(ctx, tx, column)
			if err != nil {
				return "", err
			}
			_, err = s.insertContacts(ctx, tx, id, contacts, zones)
			return id.String(), err
		})
		if err != nil {
			return err
		}
		id, err := campaign.ParseID(resource)
		if err != nil {
			return err
		}
		c, err = oneCampaign(ctx, tx, id)
		return err
	})
	return c, err
}

func insertCampaign(ctx context.Context, tx *sql.Tx, settings string) (id campaign.ID, err error) {
	// The id comes from a sequence that never goes back.
	err = tx.QueryRowContext(ctx, `
insert into campaigns (settings, status, created_at, updated_at) values (?1, ?2, ?3, ?3) returning id`,
		settings, string(campaign.StatusPending), time.Now().UnixMicro()).Scan(&id)
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `insert into campaign_stats (campaign_id) values (?)`, id)
	return id, err
}

// insertContacts adds those that are new, each with the number of its zones, and
// counts them.
func (s *Store) insertContacts(ctx context.Context, tx *sql.Tx, id campaign.ID, contacts []campaign.Contact, zones []int32) (int, error) {
	added, err := s.prepared.contacts.exec(ctx, tx, []any{id, time.Now().UnixMicro()}, len(contacts), func(args []any, i int) []any {
		return append(args, contacts[i].Phone, text(contacts[i].Variables), zones[i])
	})
	if err != nil || added == 0 {
		return 0, err
	}
	_, err = tx.StmtContext(ctx, s.prepared.updateStats).ExecContext(ctx, id, added, added, 0, 0, 0, 0, 0, 0, 0)
	return int(added), err
}

// text is JSON as a column has it; none is NULL.
func text(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return string(b)
}

// AddContacts adds those that the campaign does not have.  Ids ascend in the order
// of commits because there is one writer.
func (s *Store) AddContacts(ctx context.Context, id campaign.ID, contacts []campaign.Contact) (added int, err error) {
	zones, err := s.zonesOf(ctx, contacts)
	if err != nil {
		return 0, err
	}
	err = s.change(ctx, "add contacts", func(tx *sql.Tx) error {
		c, err := oneCampaign(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := refuse.Growable(id, c.Status); err != nil {
			return err
		}
		added, err = s.insertContacts(ctx, tx, id, contacts, zones)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}
