package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/ledger"
)

// Rows come to a statement as one array for each column, so that a batch takes
// the same statements whatever its size.

// queueRows writes what changed, but for statistics.
func queueRows(q *pgx.Batch, led *ledger.Ledger) {
	for _, c := range led.Campaigns() {
		// Seldom more than one, and seldom at all.
		q.Queue(`update campaigns set status = $2, armed = $3, updated_at = $4, started_at = $5, ended_at = $6 where id = $1`,
			int64(c.ID), string(c.Status), c.Armed, c.UpdatedAt, null(c.StartedAt), null(c.EndedAt))
	}
	if calls := led.Calls(); len(calls) > 0 {
		queueUpdateCalls(q, calls)
	}
	if fresh := led.NewAttempts(); len(fresh) > 0 {
		queueInsertAttempts(q, fresh)
	}
	if changed := led.ChangedAttempts(); len(changed) > 0 {
		queueUpdateAttempts(q, changed)
	}
	if dropped := led.DroppedAttempts(); len(dropped) > 0 {
		// Claims that were given back leave no attempt.
		q.Queue(`delete from attempts where id = any($1)`, dropped)
	}
}

func queueUpdateCalls(q *pgx.Batch, calls []*ledger.Call) {
	n := len(calls)
	ids, claims, statuses := make([]int64, n), make([]int32, n), make([]int16, n)
	attempts, tallies, days, onDays := make([]int32, n), make([]int64, n), make([]int32, n), make([]int16, n)
	next, reasons := make([]*time.Time, n), make([]string, n)
	for i, c := range calls {
		ids[i], claims[i], statuses[i] = int64(c.ID), int32(c.Claim), int16(code.OfCall(c.Status))
		attempts[i], tallies[i], days[i], onDays[i] = int32(c.Attempts), int64(c.Tally), int32(c.Day), int16(c.OnDay)
		next[i], reasons[i] = null(c.NextAttemptAt), c.Reason
	}
	// No indexed column is among them: the new row stays on its page.
	q.Queue(`
update calls c set claim = u.claim, status = u.status, attempts = u.attempts, tally = u.tally,
    last_day = u.last_day, on_day = u.on_day, next_attempt_at = u.next_attempt_at, reason = u.reason
from unnest($1::bigint[], $2::int[], $3::smallint[], $4::int[], $5::bigint[], $6::int[], $7::smallint[],
            $8::timestamptz[], $9::text[])
    u (id, claim, status, attempts, tally, last_day, on_day, next_attempt_at, reason)
where c.id = u.id`, ids, claims, statuses, attempts, tallies, days, onDays, next, reasons)
}

// columns are attempts, column by column.
type columns struct {
	ids, campaigns, placers, durations         []int64
	started, ended                             []*time.Time
	numbers                                    []int32
	states                                     []int16
	providers, callIDs, dispositions, detailed []string
}

func columnsOf(attempts []*ledger.Attempt) columns {
	n := len(attempts)
	c := columns{
		make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]*time.Time, n), make([]*time.Time, n),
		make([]int32, n), make([]int16, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n),
	}
	for i, a := range attempts {
		c.ids[i], c.campaigns[i], c.placers[i], c.durations[i] = int64(a.ID), int64(a.Campaign), a.Placer, int64(a.Duration)
		c.started[i], c.ended[i], c.numbers[i], c.states[i] = null(a.StartedAt), null(a.EndedAt), int32(a.Number), int16(code.OfAttempt(a.State))
		c.providers[i], c.callIDs[i], c.dispositions[i], c.detailed[i] = a.Provider, a.ProviderCallID, string(a.Disposition), a.Detail
	}
	return c
}

func queueInsertAttempts(q *pgx.Batch, attempts []*ledger.Attempt) {
	c := columnsOf(attempts)
	// A plain insert: that the row is not there was seen under the call's lock.
	// Were it there all the same, the primary key would break the batch, and nobody
	// would be dialled.
	q.Queue(`
insert into attempts (id, campaign_id, placer, duration, started_at, ended_at, number, state,
    provider, provider_call_id, disposition, detail)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
    $7::int[], $8::smallint[], $9::text[], $10::text[], $11::text[], $12::text[])`,
		c.ids, c.campaigns, c.placers, c.durations, c.started, c.ended, c.numbers, c.states,
		c.providers, c.callIDs, c.dispositions, c.detailed)
}

func queueUpdateAttempts(q *pgx.Batch, attempts []*ledger.Attempt) {
	c := columnsOf(attempts)
	// Number, provider, placer and start stay as placing wrote them.
	q.Queue(`
update attempts a set duration = u.duration, ended_at = u.ended_at, state = u.state,
    provider_call_id = u.provider_call_id, disposition = u.disposition, detail = u.detail
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::smallint[], $5::text[], $6::text[], $7::text[])
    u (id, duration, ended_at, state, provider_call_id, disposition, detail)
where a.id = u.id`, c.ids, c.durations, c.ended, c.states, c.callIDs, c.dispositions, c.detailed)
}

func queueEnd(q *pgx.Batch, led *ledger.Ledger, e ledger.End) {
	// The first that wait, on the campaign's index.  Only the owner changes waiting
	// calls, so their order of locks can't meet another's.
	q.Queue(`
with found as (
    select c.id, c.status from calls c where `+page+` and c.status in (0, 2)
    order by c.campaign_id, c.id limit $3 for no key update),
gone as (
    update calls c set status = $4, next_attempt_at = null, reason = $5
    from found f where c.id = f.id returning f.status)
select count(*) filter (where status = 0), count(*) filter (where status = 2) from gone`,
		int64(e.Campaign), int64(0), e.Limit, int16(code.OfCall(e.To)), e.Reason).QueryRow(func(row pgx.Row) error {
		var queued, retryWait int
		err := row.Scan(&queued, &retryWait)
		led.Ended(e, queued, retryWait)
		return err
	})
}

// queueResults moves the statistics and reads the batch's results.
func queueResults(q *pgx.Batch, b *store.Batch, led *ledger.Ledger, need ledger.Need) {
	for _, d := range led.Deltas() {
		// By differences, because the API adds contacts at any time; one statement a
		// campaign, by ascending id, because that is the order of their locks.
		q.Queue(`
update campaign_stats set total = total + $2, queued = queued + $3, in_progress = in_progress + $4,
    retry_wait = retry_wait + $5, completed = completed + $6, failed = failed + $7,
    canceled = canceled + $8, attempts = attempts + $9, retries = retries + $10
where campaign_id = $1`, int64(d.ID), d.Total, d.Queued, d.InProgress, d.RetryWait,
			d.Completed, d.Failed, d.Canceled, d.Attempts, d.Retries)
	}
	b.Stats = map[campaign.ID]campaign.Stats{}
	if touched := led.Touched(); len(touched) > 0 {
		q.Queue(selectStats, touched).Query(rows(func(row pgx.Row) error {
			id, s, err := scanStats(row)
			b.Stats[id] = s
			return err
		}))
	}
	if len(need.Status) > 0 {
		q.Queue(selectCampaigns+` and c.id = any($1)`, need.Status).Query(rows(func(row pgx.Row) error {
			c, err := scanCampaign(row)
			led.Now(c)
			return err
		}))
	}
}
