package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"dialtone/campaign"
)

// Epochs is how often each partition has changed hands.
func (s *Store) Epochs(ctx context.Context) (map[int]int64, error) {
	epochs := make(map[int]int64)
	rows, err := s.reader.QueryContext(ctx, `select partition, epoch from partitions`)
	err = each(rows, err, func(scan func(...any) error) error {
		var partition int
		var epoch int64
		err := scan(&partition, &epoch)
		epochs[partition] = epoch
		return err
	})
	return epochs, translate(ctx, "read epochs", err)
}

// RaiseEpochs makes node the owner of partitions.
func (s *Store) RaiseEpochs(ctx context.Context, node string, from map[int]int64) (map[int]int64, error) {
	var epochs map[int]int64
	err := s.change(ctx, "raise epochs", func(tx *sql.Tx) error {
		epochs = make(map[int]int64, len(from))
		for p, was := range from {
			var epoch int64
			// The first owner of a partition makes its row.
			err := tx.QueryRowContext(ctx, `
insert into partitions (partition, epoch, node) values (?1, ?3 + 1, ?2)
on conflict (partition) do update set epoch = ?3 + 1, node = ?2 where epoch = ?3 returning epoch`, p, node, was).Scan(&epoch)
			if errors.Is(err, sql.ErrNoRows) {
				continue // it has changed hands
			}
			if err != nil {
				return err
			}
			epochs[p] = epoch
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return epochs, nil
}

// Active lists the campaigns that need an owner.
func (s *Store) Active(ctx context.Context) (ids []campaign.ID, err error) {
	// Campaigns are few beside calls, and this is asked seldom: no index.
	rows, err := s.reader.QueryContext(ctx, `
select c.id from campaigns c join campaign_stats s on s.campaign_id = c.id
where c.deleted_at is null
  and (c.status = 'in_progress' or c.armed or s.in_progress > 0 or c.status = 'canceled' and s.queued + s.retry_wait > 0)
order by c.id`)
	err = each(rows, err, func(scan func(...any) error) error {
		var id campaign.ID
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, translate(ctx, "list active campaigns", err)
}
