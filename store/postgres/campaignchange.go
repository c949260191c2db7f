package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

// purgeChunk is how many calls one transaction deletes.
const purgeChunk = 5000

// UpdateSettings changes settings under the row's lock.
func (s *Store) UpdateSettings(ctx context.Context, id campaign.ID, change func(*campaign.Settings) error) (c campaign.Campaign, err error) {
	err = s.change(ctx, "update a campaign", func(tx pgx.Tx) error {
		if c, err = oneCampaign(ctx, tx, id, "for no key update of c"); err != nil {
			return err
		}
		if c.Status.Ended() {
			return refuse.Ended(id, c.Status)
		}
		if err := change(&c.Settings); err != nil {
			return err
		}
		var was string
		if err := tx.QueryRow(ctx, `select settings::text from campaigns where id = $1`, id).Scan(&was); err != nil {
			return err
		}
		column, err := code.ChangedSettings(was, c.Settings)
		if err != nil {
			return err
		}
		c.UpdatedAt = code.Time(time.Now())
		// The row is locked since it was read.
		_, err = tx.Exec(ctx, `update campaigns set settings = $2, updated_at = $3 where id = $1`, id, column, c.UpdatedAt)
		return err
	})
	if err != nil {
		return campaign.Campaign{}, err
	}
	return c, nil
}

// DeleteCampaign hides the campaign, then removes its rows in chunks.
func (s *Store) DeleteCampaign(ctx context.Context, id campaign.ID) error {
	err := s.change(ctx, "delete a campaign", func(tx pgx.Tx) error {
		if _, err := oneCampaign(ctx, tx, id, "for no key update of c"); err != nil {
			return err
		}
		// Read again under the lock: the statistics that came with it may be older.
		c, err := oneCampaign(ctx, tx, id, "")
		if err != nil {
			return err
		}
		if err := refuse.Deletable(c); err != nil {
			return err
		}
		// From here on nobody sees it, whatever becomes of the rest.
		_, err = tx.Exec(ctx, `update campaigns set deleted_at = $2 where id = $1`, id, code.Time(time.Now()))
		return err
	})
	if err != nil {
		return err
	}
	return s.purge(ctx, id)
}

// PurgeDeleted goes on where a DeleteCampaign was interrupted.
func (s *Store) PurgeDeleted(ctx context.Context) error {
	var ids []campaign.ID
	rows, err := s.pool.Query(ctx, `select id from campaigns where deleted_at is not null order by id`)
	err = each(rows, err, func(row pgx.Row) error {
		var id campaign.ID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return translate(ctx, "find deleted campaigns", err)
	}
	for _, id := range ids {
		if err := s.purge(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// purge removes a deleted campaign's rows, its own last.
func (s *Store) purge(ctx context.Context, id campaign.ID) error {
	for {
		var left bool
		if err := s.change(ctx, "purge a campaign", func(tx pgx.Tx) (err error) {
			left, err = purgeSome(ctx, tx, id)
			return err
		}); err != nil || !left {
			return err
		}
	}
}

func purgeSome(ctx context.Context, tx pgx.Tx, id campaign.ID) (left bool, err error) {
	// Attempts are found through their calls ("offset 0": call by call).  Rows that
	// another process is purging at the same time are waited for, in ascending order.
	done, err := tx.Exec(ctx, `
with doomed as (
    select id from calls where (campaign_id, id) > ($1, 0) and (campaign_id, id) < ($1 + 1, 0)
    order by campaign_id, id limit $2 for update),
gone as (
    delete from attempts where id = any (array(
        select a.id from doomed d cross join lateral (
            select id from attempts where id between (d.id << 20) and ((d.id << 20) | 1048575) offset 0) a)))
delete from calls where id = any (array(select id from doomed))`, int64(id), purgeChunk)
	if err != nil {
		return false, err
	}
	if done.RowsAffected() > 0 {
		return true, nil
	}
	if _, err := tx.Exec(ctx, `delete from campaign_stats where campaign_id = $1`, id); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `delete from campaigns where id = $1 and deleted_at is not null`, id)
	return false, err
}
