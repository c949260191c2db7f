package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/ledger"
)

// Apply performs a batch in one transaction: it reads the rows that the ledger
// asks for, has it decide, and writes what changed.  That it is the one writer
// is all the locks it needs.
func (s *Store) Apply(ctx context.Context, b *store.Batch) error {
	return s.change(ctx, "apply a batch", func(tx *sql.Tx) error {
		led := ledger.New(b)
		need := led.Need()
		if err := s.load(ctx, tx, led, need); err != nil {
			return err
		}
		led.Decide(time.Now())
		if err := s.save(ctx, tx, led); err != nil {
			return err
		}
		return s.answer(ctx, tx, b, led, need)
	})
}

func (s *Store) load(ctx context.Context, tx *sql.Tx, led *ledger.Ledger, need ledger.Need) error {
	if err := s.loadEpochs(ctx, tx, led, need.Partitions); err != nil {
		return err
	}
	if err := s.loadCampaigns(ctx, tx, led, need); err != nil {
		return err
	}
	if err := s.loadCalls(ctx, tx, led, need); err != nil {
		return err
	}
	return s.loadAttempts(ctx, tx, led, need.Attempts)
}

func (s *Store) loadEpochs(ctx context.Context, tx *sql.Tx, led *ledger.Ledger, partitions []int) error {
	if len(partitions) == 0 {
		return nil
	}
	rows, err := tx.StmtContext(ctx, s.prepared.epochs).QueryContext(ctx, array(partitions))
	return each(rows, err, func(scan func(...any) error) error {
		var partition int
		var epoch int64
		err := scan(&partition, &epoch)
		led.Epoch(partition, epoch)
		return err
	})
}

func (s *Store) loadCampaigns(ctx context.Context, tx *sql.Tx, led *ledger.Ledger, need ledger.Need) error {
	if len(need.Campaigns) == 0 {
		return nil
	}
	rows, err := tx.StmtContext(ctx, s.prepared.campaigns).QueryContext(ctx, array(need.Campaigns), need.Ends)
	return each(rows, err, func(scan func(...any) error) error {
		var c ledger.Campaign
		var settings string
		var updated, started, ended int64
		n := &c.Stats
		if err := scan(&c.ID, &settings, &c.Status, &c.Armed, &updated, &started, &ended,
			&n.Total, &n.Queued, &n.InProgress, &n.RetryWait, &n.Completed, &n.Failed, &n.Canceled, &n.Attempts, &n.Retries); err != nil {
			return err
		}
		c.UpdatedAt, c.StartedAt, c.EndedAt = moment(updated), moment(started), moment(ended)
		if need.Ends {
			whole, err := code.Settings(settings)
			if err != nil {
				return err
			}
			c.ScheduleEnd = whole.Schedule.EndAt
		}
		led.AddCampaign(c)
		return nil
	})
}

func (s *Store) loadCalls(ctx context.Context, tx *sql.Tx, led *ledger.Ledger, need ledger.Need) error {
	var plain, full []int64
	for i, id := range need.Calls {
		if need.Full[i] {
			full = append(full, id)
		} else {
			plain = append(plain, id)
		}
	}
	if len(plain) > 0 {
		rows, err := tx.StmtContext(ctx, s.prepared.calls).QueryContext(ctx, array(plain))
		if err := each(rows, err, func(scan func(...any) error) error {
			var c ledger.Call
			var status int
			err := scan(&c.ID, &c.Campaign, &status, &c.Claim, &c.Attempts, &c.Tally, &c.Day, &c.OnDay, &c.Reason)
			c.Status = code.Call(status)
			led.AddCall(c)
			return err
		}); err != nil {
			return err
		}
	}
	if len(full) == 0 {
		return nil
	}
	rows, err := tx.StmtContext(ctx, s.prepared.dialled).QueryContext(ctx, array(full))
	return each(rows, err, func(scan func(...any) error) error {
		var c ledger.Call
		var status int
		var variables []byte
		err := scan(&c.ID, &c.Campaign, &status, &c.Claim,
			&c.Attempts, &c.Tally, &c.Day, &c.OnDay, &c.Reason, &c.Phone, &c.From, &variables)
		c.Status, c.Variables = code.Call(status), json.RawMessage(variables)
		led.AddCall(c)
		return err
	})
}

func (s *Store) loadAttempts(ctx context.Context, tx *sql.Tx, led *ledger.Ledger, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.StmtContext(ctx, s.prepared.attempts).QueryContext(ctx, array(ids))
	return each(rows, err, func(scan func(...any) error) error {
		var a ledger.Attempt
		var state int
		var ended int64
		err := scan(&a.ID, &a.Campaign, &a.Number, &state, &a.Placer, &a.ProviderCallID, &a.Disposition, &ended, &a.Duration, &a.Detail)
		a.State, a.EndedAt = code.Attempt(state), moment(ended)
		led.AddAttempt(a)
		return err
	})
}

// save writes what changed.
func (s *Store) save(ctx context.Context, tx *sql.Tx, led *ledger.Ledger) error {
	for _, c := range led.Campaigns() {
		// Seldom more than one, and seldom at all.
		if _, err := tx.ExecContext(ctx, `
update campaigns set status = ?2, armed = ?3, updated_at = ?4, started_at = ?5, ended_at = ?6 where id = ?1`,
			c.ID, string(c.Status), c.Armed, micros(c.UpdatedAt), micros(c.StartedAt), micros(c.EndedAt)); err != nil {
			return err
		}
	}
	calls := led.Calls()
	if _, err := s.prepared.updateCalls.exec(ctx, tx, nil, len(calls), func(args []any, i int) []any {
		c := calls[i]
		return append(args, int64(c.ID), code.OfCall(c.Status), c.Claim,
			c.Attempts, int64(c.Tally), int64(c.Day), c.OnDay, micros(c.NextAttemptAt), c.Reason)
	}); err != nil {
		return err
	}
	if err := s.saveAttempts(ctx, tx, led); err != nil {
		return err
	}
	for _, e := range led.Ends() {
		if err := endCalls(ctx, tx, led, e); err != nil {
			return err
		}
	}
	stats := tx.StmtContext(ctx, s.prepared.updateStats)
	for _, d := range led.Deltas() {
		if _, err := stats.ExecContext(ctx, d.ID, d.Total, d.Queued, d.InProgress, d.RetryWait,
			d.Completed, d.Failed, d.Canceled, d.Attempts, d.Retries); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) saveAttempts(ctx context.Context, tx *sql.Tx, led *ledger.Ledger) error {
	fresh := led.NewAttempts()
	if _, err := s.prepared.insertAttempts.exec(ctx, tx, nil, len(fresh), func(args []any, i int) []any {
		a := fresh[i]
		return append(args, int64(a.ID), int64(a.Campaign), a.Number, a.Provider, a.ProviderCallID, code.OfAttempt(a.State),
			string(a.Disposition), a.Placer, micros(a.StartedAt), micros(a.EndedAt), int64(a.Duration), a.Detail)
	}); err != nil {
		return err
	}
	changed := led.ChangedAttempts()
	if _, err := s.prepared.updateAttempts.exec(ctx, tx, nil, len(changed), func(args []any, i int) []any {
		a := changed[i]
		return append(args, int64(a.ID), code.OfAttempt(a.State), a.ProviderCallID,
			string(a.Disposition), micros(a.EndedAt), int64(a.Duration), a.Detail)
	}); err != nil {
		return err
	}
	dropped := led.DroppedAttempts()
	if len(dropped) == 0 {
		return nil
	}
	_, err := tx.StmtContext(ctx, s.prepared.dropAttempts).ExecContext(ctx, array(dropped))
	return err
}

func endCalls(ctx context.Context, tx *sql.Tx, led *ledger.Ledger, e ledger.End) error {
	var ids []int64
	var queued, retryWait int
	// The first that wait, on the campaign's index.
	rows, err := tx.QueryContext(ctx, `
select id, status from calls where campaign_id = ? and status in (0, 2) order by id limit ?`, e.Campaign, e.Limit)
	if err := each(rows, err, func(scan func(...any) error) error {
		var id int64
		var status int
		err := scan(&id, &status)
		ids = append(ids, id)
		if status == code.Queued {
			queued++
		} else {
			retryWait++
		}
		return err
	}); err != nil {
		return err
	}
	led.Ended(e, queued, retryWait)
	if len(ids) == 0 {
		return nil
	}
	_, err = tx.ExecContext(ctx, `
update calls set status = ?2, next_attempt_at = null, reason = ?3
where id in (select value from json_each(?1))`, array(ids), code.OfCall(e.To), e.Reason)
	return err
}

// answer fills the batch's results.
func (s *Store) answer(ctx context.Context, tx *sql.Tx, b *store.Batch, led *ledger.Ledger, need ledger.Need) error {
	b.Stats = map[campaign.ID]campaign.Stats{}
	if touched := led.Touched(); len(touched) > 0 {
		rows, err := tx.StmtContext(ctx, s.prepared.selectStats).QueryContext(ctx, array(touched))
		if err := each(rows, err, func(scan func(...any) error) error {
			var id campaign.ID
			var t campaign.Stats
			err := scan(&id, &t.Total, &t.Queued, &t.InProgress, &t.RetryWait, &t.Completed, &t.Failed, &t.Canceled, &t.Attempts, &t.Retries)
			b.Stats[id] = t
			return err
		}); err != nil {
			return err
		}
	}
	for _, id := range need.Status {
		rows, err := tx.QueryContext(ctx, selectCampaigns+` and c.id = ?`, id)
		if err := each(rows, err, func(scan func(...any) error) error {
			c, err := scanCampaign(scan)
			led.Now(c)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
