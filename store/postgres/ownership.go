package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
)

// Epochs is how often each partition has changed hands.
func (s *Store) Epochs(ctx context.Context) (map[int]int64, error) {
	epochs := make(map[int]int64)
	rows, err := s.pool.Query(ctx, `select partition, epoch from partitions`)
	err = eachEpoch(rows, err, epochs)
	return epochs, translate(ctx, "read epochs", err)
}

func eachEpoch(rows pgx.Rows, err error, into map[int]int64) error {
	return each(rows, err, func(row pgx.Row) error {
		var partition int
		var epoch int64
		err := row.Scan(&partition, &epoch)
		into[partition] = epoch
		return err
	})
}

// RaiseEpochs makes node the owner of partitions.  It waits for batches of the owner
// before to commit.
func (s *Store) RaiseEpochs(ctx context.Context, node string, from map[int]int64) (map[int]int64, error) {
	var epochs map[int]int64
	partitions := slices.Sorted(maps.Keys(from)) // as batches lock them
	was := make([]int64, len(partitions))
	for i, p := range partitions {
		was[i] = from[p]
	}
	err := s.change(ctx, "raise epochs", func(tx pgx.Tx) error {
		epochs = make(map[int]int64, len(partitions))
		rows, err := tx.Query(ctx, `
insert into partitions as p (partition, epoch, node)
select u.partition, u.epoch + 1, $3 from unnest($1::int[], $2::bigint[]) u (partition, epoch) order by u.partition
on conflict (partition) do update set epoch = excluded.epoch, node = excluded.node where p.epoch = excluded.epoch - 1
returning p.partition, p.epoch`, partitions, was, node)
		return eachEpoch(rows, err, epochs)
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
