package sqlite

import (
	"context"
	"database/sql"
	"time"

	"dialtone/campaign"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

// purgeChunk is how many calls one transaction deletes, so that the journal gets
// its turn in between.
const purgeChunk = 2000

// UpdateSettings changes settings in one transaction.
func (s *Store) UpdateSettings(ctx context.Context, id campaign.ID, change func(*campaign.Settings) error) (c campaign.Campaign, err error) {
	err = s.change(ctx, "update a campaign", func(tx *sql.Tx) error {
		if c, err = oneCampaign(ctx, tx, id); err != nil {
			return err
		}
		if c.Status.Ended() {
			return refuse.Ended(id, c.Status)
		}
		if err := change(&c.Settings); err != nil {
			return err
		}
		var was string
		if err := tx.QueryRowContext(ctx, `select settings from campaigns where id = ?1`, id).Scan(&was); err != nil {
			return err
		}
		column, err := code.ChangedSettings(was, c.Settings)
		if err != nil {
			return err
		}
		c.UpdatedAt = code.Time(time.Now())
		// The writer's transaction is the lock.
		_, err = tx.ExecContext(ctx, `update campaigns set settings = ?2, updated_at = ?3 where id = ?1`,
			id, column, micros(c.UpdatedAt))
		return err
	})
	if err != nil {
		return campaign.Campaign{}, err
	}
	return c, nil
}

// DeleteCampaign hides the campaign, then removes its rows in chunks.
func (s *Store) DeleteCampaign(ctx context.Context, id campaign.ID) error {
	err := s.change(ctx, "delete a campaign", func(tx *sql.Tx) error {
		c, err := oneCampaign(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := refuse.Deletable(c); err != nil {
			return err
		}
		// From here on nobody sees it, whatever becomes of the rest.
		_, err = tx.ExecContext(ctx, `update campaigns set deleted_at = ?2 where id = ?1`, id, time.Now().UnixMicro())
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
	rows, err := s.reader.QueryContext(ctx, `select id from campaigns where deleted_at is not null order by id`)
	err = each(rows, err, func(scan func(...any) error) error {
		var id campaign.ID
		err := scan(&id)
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
		if err := s.change(ctx, "purge a campaign", func(tx *sql.Tx) (err error) {
			left, err = purgeSome(ctx, tx, id)
			return err
		}); err != nil || !left {
			return err
		}
	}
}

func purgeSome(ctx context.Context, tx *sql.Tx, id campaign.ID) (left bool, err error) {
	// Attempts first: they are found through their calls.
	if _, err := tx.ExecContext(ctx, `
delete from attempts where id in (
    select a.id from (select id from calls where campaign_id = ?1 order by id limit ?2) c
    join attempts a on a.id between (c.id << 20) and ((c.id << 20) | 1048575))`, id, purgeChunk); err != nil {
		return false, err
	}
	done, err := tx.ExecContext(ctx, `
delete from calls where id in (select id from calls where campaign_id = ?1 order by id limit ?2)`, id, purgeChunk)
	if err != nil {
		return false, err
	}
	if n, err := done.RowsAffected(); err != nil || n == purgeChunk {
		return true, err
	}
	if _, err := tx.ExecContext(ctx, `delete from campaign_stats where campaign_id = ?`, id); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `delete from campaigns where id = ? and deleted_at is not null`, id)
	return false, err
}
