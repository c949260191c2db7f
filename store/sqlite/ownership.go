package sqlite

import (
	"context"
	"database/sql"

	"dialtone/campaign"
)

// RaiseEpochs makes node the owner of the partitions.
func (s *Store) RaiseEpochs(ctx context.Context, node string, partitions []int) (map[int]int64, error) {
	epochs := make(map[int]int64, len(partitions))
	err := s.change(ctx, "raise epochs", func(tx *sql.Tx) error {
		for _, p := range partitions {
			if _, twice := epochs[p]; twice {
				continue
			}
			var epoch int64
			// The first owner of a partition makes its row.
			if err := tx.QueryRowContext(ctx, `
insert into partitions (partition, epoch, node) values (?1, 1, ?2)
on conflict (partition) do update set epoch = epoch + 1, node = ?2 returning epoch`, p, node).Scan(&epoch); err != nil {
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
