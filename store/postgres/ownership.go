package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
)

// RaiseEpochs makes node the owner of the partitions.  It waits for batches of
// the owner before to commit.
func (s *Store) RaiseEpochs(ctx context.Context, node string, partitions []int) (map[int]int64, error) {
	epochs := make(map[int]int64, len(partitions))
	ids := slices.Clone(partitions)
	slices.Sort(ids)
	ids = slices.Compact(ids) // "on conflict" can't touch a row twice
	err := s.change(ctx, "raise epochs", func(tx pgx.Tx) error {
		// By ascending number, as batches lock them.
		rows, err := tx.Query(ctx, `
insert into partitions as p (partition, epoch, node)
select u.partition, 1, $2 from unnest($1::int[]) u (partition) order by u.partition
on conflict (partition) do update set epoch = p.epoch + 1, node = excluded.node
returning p.partition, p.epoch`, ids, node)
		return each(rows, err, func(row pgx.Row) error {
			var partition int
			var epoch int64
			err := row.Scan(&partition, &epoch)
			epochs[partition] = epoch
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return epochs, nil
}

// Active lists the campaigns that need an owner.
func (s *Store) Active(ctx context.Context) (ids []campaign.ID, err error) {
	// Campaigns are few beside calls, and this is asked seldom: no index.
	rows, err := s.pool.Query(ctx, `
select c.id from campaigns c join campaign_stats s on s.campaign_id = c.id
where c.deleted_at is null
  and (c.status = 'in_progress' or c.armed or s.in_progress > 0 or c.status = 'canceled' and s.queued + s.retry_wait > 0)
order by c.id`)
	err = each(rows, err, func(row pgx.Row) error {
		var id campaign.ID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, translate(ctx, "list active campaigns", err)
}
