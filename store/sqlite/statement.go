package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// statements are what every batch and every callback needs, compiled once on a
// connection: known on the readers', all others on the writer's.
type statements struct {
	known                          *sql.Stmt
	epochs, campaigns              *sql.Stmt
	calls, dialled, attempts       *sql.Stmt
	updateStats, selectStats       *sql.Stmt
	dropAttempts                   *sql.Stmt
	contacts, updateCalls          bulk
	insertAttempts, updateAttempts bulk
}

func (p *statements) prepare(ctx context.Context, db, readers *sql.DB) (err error) {
	if p.known, err = readers.PrepareContext(ctx, selectKnown); err != nil {
		return err
	}
	one := func(to **sql.Stmt, query string) (err error) {
		*to, err = db.PrepareContext(ctx, query)
		return err
	}
	many := func(to *bulk, width int, query string) error {
		to.sql, to.width = query, width
		return to.prepare(ctx, db)
	}
	return errors.Join(
		one(&p.epochs, selectEpochs),
		one(&p.campaigns, selectStatus),
		one(&p.calls, selectCalls),
		one(&p.dialled, selectDialled),
		one(&p.attempts, selectAttempts),
		one(&p.updateStats, updateStats),
		one(&p.selectStats, selectStats),
		one(&p.dropAttempts, deleteAttempts),
		many(&p.contacts, 3, insertContacts),
		many(&p.updateCalls, 9, updateCalls),
		many(&p.insertAttempts, 12, insertAttempts),
		many(&p.updateAttempts, 7, updateAttempts),
	)
}

func (p *statements) close() {
	for _, s := range []*sql.Stmt{p.known, p.epochs, p.campaigns, p.calls, p.dialled, p.attempts, p.updateStats, p.selectStats, p.dropAttempts} {
		if s != nil {
			_ = s.Close()
		}
	}
	for _, b := range []*bulk{&p.contacts, &p.updateCalls, &p.insertAttempts, &p.updateAttempts} {
		b.close()
	}
}

// Ids come to a statement as one JSON array, so that it is the same statement
// for any number of them.
const (
	selectEpochs = `
select partition, epoch from partitions where partition in (select value from json_each(?))`

	// What decides on a batch's operations: of the settings only an end of the schedule,
	// which few ask for.
	selectStatus = `
select c.id, case when ?2 then c.settings else '' end, c.status, c.armed, c.updated_at,
       coalesce(c.started_at, 0), coalesce(c.ended_at, 0),
       s.total, s.queued, s.in_progress, s.retry_wait, s.completed, s.failed, s.canceled, s.attempts, s.retries
from campaigns c join campaign_stats s on s.campaign_id = c.id
where c.id in (select value from json_each(?1)) and c.deleted_at is null`

	// The rows that a batch's operations act on, by primary key.
	selectCalls = `
select id, campaign_id, status, claim, attempts, tally, last_day, on_day, reason from calls
where id in (select value from json_each(?))`

	// The same for calls to be claimed, with what is needed to dial.
	selectDialled = `
select id, campaign_id, status, claim, attempts, tally, last_day, on_day, reason, phone, from_number, variables from calls
where id in (select value from json_each(?))`

	// The attempts that the operations name; many do not exist yet.  What Finish
	// might overwrite must be read, or it would be written back empty.
	selectAttempts = `
select id, campaign_id, number, state, placer, provider_call_id, disposition,
       coalesce(ended_at, 0), duration, detail
from attempts where id in (select value from json_each(?))`

	// A claim stands on the call's row whether or not the attempt has one.
	selectKnown = `
select id, campaign_id, claim from calls where id in (select value from json_each(?))`

	// Contacts that the campaign does not have yet.  "where true" keeps the parser
	// from reading "on conflict" as part of a join.
	insertContacts = `
insert into calls (campaign_id, phone, variables, zone, created_at)
select ?1, v.column1, v.column2, v.column3, ?2 from (values %s) v where true
on conflict (campaign_id, phone) where campaign_id > 1 do nothing`

	// A call's whole hot part; which of it changed makes no difference to the cost.
	updateCalls = `
update calls set status = v.column2, claim = v.column3, attempts = v.column4, tally = v.column5,
    last_day = v.column6, on_day = v.column7, next_attempt_at = v.column8, reason = v.column9
from (values %s) v where calls.id = v.column1`

	// A plain insert: that the row is not there was seen in this transaction.
	insertAttempts = `
insert into attempts (id, campaign_id, number, provider, provider_call_id, state,
    disposition, placer, started_at, ended_at, duration, detail)
values %s`

	// Number, provider, placer and start stay as placing wrote them.
	updateAttempts = `
update attempts set state = v.column2, provider_call_id = v.column3, disposition = v.column4,
    ended_at = v.column5, duration = v.column6, detail = v.column7
from (values %s) v where attempts.id = v.column1`

	// Claims that were given back leave no attempt.
	deleteAttempts = `delete from attempts where id in (select value from json_each(?))`

	// Counters move by differences, because the API adds contacts at any time.
	updateStats = `
update campaign_stats set total = total + ?2, queued = queued + ?3, in_progress = in_progress + ?4,
    retry_wait = retry_wait + ?5, completed = completed + ?6, failed = failed + ?7,
    canceled = canceled + ?8, attempts = attempts + ?9, retries = retries + ?10
where campaign_id = ?1`

	selectStats = `
select campaign_id, total, queued, in_progress, retry_wait, completed, failed, canceled, attempts, retries
from campaign_stats where campaign_id in (select value from json_each(?))`
)
