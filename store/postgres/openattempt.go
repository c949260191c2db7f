package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
)

const (
	// One row for each campaign there is.
	selectUnderway = `select campaign_id, in_progress from campaign_stats where in_progress > 0`

	// It walks the campaign's calls as far as the last one in progress, of which the
	// statistics tell the number.  The attempt of the present claim has an id that can be
	// computed; one that is claimed, and not placing, has none.
	selectOpenAttempts = `
select a.provider, count(*)
from (select c.id, c.claim from calls c where ` + page + ` and c.status = 1 order by c.campaign_id, c.id limit $3) c
join attempts a on a.id = ((c.id << 20) | c.claim)
where a.state <> 4 group by a.provider`
)

// OpenAttempts counts the attempts that have not ended, by provider.
func (s *Store) OpenAttempts(ctx context.Context) (map[string]int, error) {
	underway := make(map[campaign.ID]int)
	rows, err := s.pool.Query(ctx, selectUnderway)
	err = each(rows, err, func(row pgx.Row) error {
		var id campaign.ID
		var n int
		err := row.Scan(&id, &n)
		underway[id] = n
		return err
	})
	out := make(map[string]int)
	for id, n := range underway {
		if err == nil {
			err = s.openAttempts(ctx, id, n, out)
		}
	}
	return out, translate(ctx, "count the open attempts", err)
}

// openAttempts adds those of a campaign's n calls in progress.
func (s *Store) openAttempts(ctx context.Context, id campaign.ID, n int, sum map[string]int) error {
	rows, err := s.pool.Query(ctx, selectOpenAttempts, int64(id), int64(0), n)
	return each(rows, err, func(row pgx.Row) error {
		var provider string
		var found int
		err := row.Scan(&provider, &found)
		sum[provider] += found
		return err
	})
}
