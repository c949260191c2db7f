package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
	"dialtone/store/internal/code"
	"dialtone/store/ledger"
)

// queueReads opens the transaction and reads under locks.  READ COMMITTED: each
// statement sees what was committed before it began, so what is read after a lock
// was had is not older than the lock.
func queueReads(q *pgx.Batch, led *ledger.Ledger, need ledger.Need) {
	q.Queue("begin isolation level read committed")
	if len(need.Partitions) > 0 {
		queueEpochs(q, led, need.Partitions)
	}
	if len(need.Campaigns) > 0 {
		queueCampaigns(q, led, need)
	}
	if len(need.Calls) > 0 {
		queueCalls(q, led, need)
	}
	if len(need.Attempts) > 0 {
		queueAttempts(q, led, need.Attempts)
	}
}

func queueEpochs(q *pgx.Batch, led *ledger.Ledger, partitions []int) {
	// Locked until the commit: a new owner waits for the old one's last batch.
	q.Queue(`
select partition, epoch from partitions where partition = any($1) order by partition for share`, partitions).Query(rows(func(row pgx.Row) error {
		var partition int
		var epoch int64
		err := row.Scan(&partition, &epoch)
		led.Epoch(partition, epoch)
		return err
	}))
}

func queueCampaigns(q *pgx.Batch, led *ledger.Ledger, need ledger.Need) {
	// One statement locks them all, in order.  A batch that changes a status locks
	// all of its campaigns the stronger way: two statements, one for each way, could
	// meet another node's in a circle.
	lock := "for share"
	if need.Exclusive {
		lock = "for no key update"
	}
	var found []*ledger.Campaign
	q.Queue(`
select id, status, armed, started_at, ended_at, updated_at,
       case when $2 then (settings #>> '{schedule,end_at}')::timestamptz end
from campaigns
where id = any($1) and deleted_at is null order by id `+lock, need.Campaigns, need.Ends).Query(rows(func(row pgx.Row) error {
		var c ledger.Campaign
		var started, ended, end *time.Time
		err := row.Scan(&c.ID, &c.Status, &c.Armed, &started, &ended, &c.UpdatedAt, &end)
		c.ScheduleEnd = utc(end)
		c.StartedAt, c.EndedAt, c.UpdatedAt = utc(started), utc(ended), c.UpdatedAt.UTC()
		found = append(found, &c)
		if !need.Drained {
			led.AddCampaign(c)
		}
		return err
	}))
	if need.Drained {
		queueDrained(q, led, need.Campaigns, &found)
	}
}

// queueDrained reads statistics by a statement of its own: with the campaigns
// locked by now, nobody adds contacts any more.
func queueDrained(q *pgx.Batch, led *ledger.Ledger, ids []int64, found *[]*ledger.Campaign) {
	stats := map[campaign.ID]campaign.Stats{}
	q.Queue(selectStats, ids).Query(func(r pgx.Rows) error {
		err := rows(func(row pgx.Row) error {
			id, s, err := scanStats(row)
			stats[id] = s
			return err
		})(r)
		for _, c := range *found {
			c.Stats = stats[c.ID]
			led.AddCampaign(*c)
		}
		return err
	})
}

func queueCalls(q *pgx.Batch, led *ledger.Ledger, need ledger.Need) {
	// By primary key, locked in ascending order against other nodes' batches.  What
	// is needed to dial is fetched for the calls to be claimed only.
	q.Queue(`
select c.id, c.campaign_id, c.status, c.claim, c.attempts, c.tally, c.last_day, c.on_day, c.reason,
       case when u.dial then c.phone else '' end, case when u.dial then c.from_number else '' end,
       case when u.dial then c.variables::text end
from unnest($1::bigint[], $2::bool[]) u (id, dial) join calls c on c.id = u.id
order by c.id for no key update of c`, need.Calls, need.Full).Query(rows(func(row pgx.Row) error {
		var c ledger.Call
		var status int
		var variables *string
		err := row.Scan((*int64)(&c.ID), (*int64)(&c.Campaign), &status, &c.Claim,
			&c.Attempts, (*uint64)(&c.Tally), (*int32)(&c.Day), &c.OnDay, &c.Reason,
			&c.Phone, &c.From, &variables)
		c.Status, c.Variables = code.Call(status), raw(variables)
		led.AddCall(c)
		return err
	}))
}

func queueAttempts(q *pgx.Batch, led *ledger.Ledger, ids []int64) {
	// Many do not exist yet.  Their calls' locks are had, so they can't change.
	q.Queue(`
select id, campaign_id, number, state, placer, provider_call_id, disposition, ended_at, duration, detail
from attempts where id = any($1)`, ids).Query(rows(func(row pgx.Row) error {
		var a ledger.Attempt
		var state int
		var ended *time.Time
		err := row.Scan((*int64)(&a.ID), (*int64)(&a.Campaign), &a.Number, &state, &a.Placer, &a.ProviderCallID,
			(*string)(&a.Disposition), &ended, (*int64)(&a.Duration), &a.Detail)
		a.State, a.EndedAt = code.Attempt(state), utc(ended)
		led.AddAttempt(a)
		return err
	}))
}

const selectStats = `
select campaign_id, total, queued, in_progress, retry_wait, completed, failed, canceled, attempts, retries
from campaign_stats where campaign_id = any($1)`

func scanStats(row pgx.Row) (id campaign.ID, s campaign.Stats, err error) {
	err = row.Scan(&id, &s.Total, &s.Queued, &s.InProgress, &s.RetryWait, &s.Completed, &s.Failed, &s.Canceled, &s.Attempts, &s.Retries)
	return id, s, err
}

// rows makes a reader of all rows out of a reader of one.
func rows(f func(row pgx.Row) error) func(pgx.Rows) error {
	return func(r pgx.Rows) error { return each(r, nil, f) }
}
