package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"time"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

const (
	// With zoneNames joined.
	callColumns = `
c.id, c.campaign_id, c.phone, c.zone, coalesce(z.names, ''), c.variables, c.from_number, c.provider, c.status,
c.claim, c.attempts, c.tally, c.last_day, c.on_day, coalesce(c.next_attempt_at, 0), c.created_at, c.reason`
	zoneNames = `left join zones z on z.id = c.zone`

	// A call without attempts is joined with none: all of these are then empty.
	attemptColumns = `
coalesce(a.id, 0), coalesce(a.number, 0), coalesce(a.provider, ''), coalesce(a.provider_call_id, ''),
coalesce(a.state, 0), coalesce(a.disposition, ''), coalesce(a.started_at, 0), coalesce(a.ended_at, 0),
coalesce(a.duration, 0), coalesce(a.detail, '')`
)

// scanJoined reads a call beside one of its attempts.
func scanJoined(scan func(...any) error) (c campaign.Call, a campaign.Attempt, err error) {
	var variables []byte
	var status, state int
	var next, created, started, ended int64
	err = scan(&c.ID, &c.CampaignID, &c.Phone, &c.Zone, &c.Zones, &variables, &c.From, &c.Provider, &status,
		&c.Claim, &c.Attempts, &c.Tally, &c.Day, &c.OnDay, &next, &created, &c.Reason,
		&a.ID, &a.Number, &a.Provider, &a.ProviderCallID, &state, &a.Disposition, &started, &ended, &a.Duration, &a.Detail)
	c.Variables = json.RawMessage(variables)
	c.Status, c.NextAttemptAt, c.CreatedAt = code.Call(status), moment(next), moment(created)
	a.State, a.StartedAt, a.EndedAt = code.Attempt(state), moment(started), moment(ended)
	return c, a, err
}

// histories reads calls, each repeated for every attempt, as calls with History.
func histories(rows *sql.Rows, err error) (out []campaign.Call, _ error) {
	err = each(rows, err, func(scan func(...any) error) error {
		c, a, err := scanJoined(scan)
		if n := len(out); n == 0 || out[n-1].ID != c.ID {
			out = append(out, c)
		}
		if a.ID != 0 {
			last := &out[len(out)-1]
			last.History = append(last.History, a)
		}
		return err
	})
	return out, err
}

func oneCall(ctx context.Context, q querier, id campaign.CallID) (campaign.Call, error) {
	// The attempts' ids begin with the call's.
	rows, err := q.QueryContext(ctx, `
select `+callColumns+`,`+attemptColumns+`
from calls c
join campaigns p on p.id = c.campaign_id and p.deleted_at is null
`+zoneNames+`
left join attempts a on a.id between (c.id << 20) and ((c.id << 20) | 1048575)
where c.id = ? order by a.id`, id)
	calls, err := histories(rows, err)
	if err == nil && len(calls) == 0 {
		return campaign.Call{}, refuse.NoCall(id)
	}
	if err != nil {
		return campaign.Call{}, err
	}
	return calls[0], nil
}

// Call reads one, with its History.
func (s *Store) Call(ctx context.Context, id campaign.CallID) (campaign.Call, error) {
	c, err := oneCall(ctx, s.reader, id)
	return c, translate(ctx, "read a call", err)
}

// CreateCall stores a single call in the standing campaign.
func (s *Store) CreateCall(ctx context.Context, n store.NewCall, once store.Once) (c campaign.Call, err error) {
	zones, err := s.zonesOf(ctx, []campaign.Contact{n.Contact})
	if err != nil {
		return c, err
	}
	err = s.change(ctx, "create a call", func(tx *sql.Tx) error {
		resource, err := createOnce(ctx, tx, once, func() (string, error) { return s.insertCall(ctx, tx, n, zones[0]) })
		if err != nil {
			return err
		}
		id, err := campaign.ParseCallID(resource)
		if err != nil {
			return err
		}
		c, err = oneCall(ctx, tx, id)
		return err
	})
	return c, err
}

func (s *Store) insertCall(ctx context.Context, tx *sql.Tx, n store.NewCall, zone int32) (string, error) {
	var id campaign.CallID
	// The one index entry beside the pages' is that of the number.
	if err := tx.QueryRowContext(ctx, `
insert into calls (campaign_id, phone, zone, variables, from_number, provider, created_at) values (?, ?, ?, ?, ?, ?, ?) returning id`,
		campaign.Single, n.Phone, zone, text(n.Variables), n.From, n.Provider, time.Now().UnixMicro()).Scan(&id); err != nil {
		return "", err
	}
	_, err := tx.StmtContext(ctx, s.prepared.updateStats).ExecContext(ctx, campaign.Single, 1, 1, 0, 0, 0, 0, 0, 0, 0)
	return id.String(), err
}

// ListCalls pages by ascending id, with History.
func (s *Store) ListCalls(ctx context.Context, q store.CallQuery) ([]campaign.Call, error) {
	// The page is picked first, on the campaign's index; then its attempts.
	rows, err := s.reader.QueryContext(ctx, `
select `+callColumns+`,`+attemptColumns+`
from (select * from calls where campaign_id = ?1 and id > ?2 and (?3 < 0 or status = ?3) order by id limit ?4) c
`+zoneNames+`
left join attempts a on a.id between (c.id << 20) and ((c.id << 20) | 1048575)
order by c.id, a.id`, q.Campaign, q.After, code.OfCall(q.Status), q.Limit)
	out, err := histories(rows, err)
	return out, translate(ctx, "list calls", err)
}

// Open pages through what a waking owner must know.
func (s *Store) Open(ctx context.Context, id campaign.ID, after campaign.CallID, limit int) (out []store.OpenCall, err error) {
	// The attempt of the present claim has an id that can be computed.
	rows, err := s.reader.QueryContext(ctx, `
select `+callColumns+`,`+attemptColumns+`
from calls c `+zoneNames+` left join attempts a on a.id = ((c.id << 20) | c.claim) and c.claim > 0
where c.campaign_id = ? and c.id > ? and (c.status in (1, 2) or c.status = 0 and c.claim > 0)
order by c.id limit ?`, id, after, limit)
	err = each(rows, err, func(scan func(...any) error) error {
		c, a, err := scanJoined(scan)
		o := store.OpenCall{Call: c}
		if a.ID != 0 {
			o.Current = &a
		}
		out = append(out, o)
		return err
	})
	return out, translate(ctx, "read open calls", err)
}

// AttemptsKnown tells which attempts were ever claimed.
func (s *Store) AttemptsKnown(ctx context.Context, refs []store.AttemptRef) ([]bool, error) {
	ids := make([]int64, len(refs))
	for i, r := range refs {
		ids[i] = int64(r.Attempt.Call())
	}
	type claimed struct {
		campaign campaign.ID
		claim    int
	}
	found := make(map[campaign.CallID]claimed, len(refs))
	rows, err := s.prepared.known.QueryContext(ctx, array(ids))
	err = each(rows, err, func(scan func(...any) error) error {
		var id campaign.CallID
		var c claimed
		err := scan(&id, &c.campaign, &c.claim)
		found[id] = c
		return err
	})
	if err != nil {
		return nil, translate(ctx, "look up attempts", err)
	}
	known := make([]bool, len(refs))
	for i, r := range refs {
		c := found[r.Attempt.Call()]
		known[i] = c.campaign == r.Campaign && r.Attempt.Claim() >= 1 && r.Attempt.Claim() <= c.claim
	}
	return known, nil
}

// AttemptsTo lists the attempts to a number.
func (s *Store) AttemptsTo(ctx context.Context, phone string, since time.Time) (out []campaign.Attempt, err error) {
	// It is asked seldom, for a settling caller: every campaign is probed for the
	// number, which saves an index by number over all calls.
	rows, err := s.reader.QueryContext(ctx, `
with c (id) as (
    select c.id from campaigns p cross join calls c indexed by calls_phone
    where c.campaign_id = p.id and c.campaign_id > 1 and c.phone = ?1
    union all
    select id from calls indexed by calls_single_phone where campaign_id = 1 and phone = ?1)
select `+attemptColumns+`
from c cross join attempts a
where a.id between (c.id << 20) and ((c.id << 20) | 1048575) and a.started_at >= ?2
order by a.id`, phone, since.UnixMicro())
	err = each(rows, err, func(scan func(...any) error) error {
		var a campaign.Attempt
		var state int
		var started, ended int64
		err := scan(&a.ID, &a.Number, &a.Provider, &a.ProviderCallID, &state, &a.Disposition, &started, &ended, &a.Duration, &a.Detail)
		a.State, a.StartedAt, a.EndedAt = code.Attempt(state), moment(started), moment(ended)
		out = append(out, a)
		return err
	})
	return out, translate(ctx, "list attempts to a number", err)
}

// array writes ids as a JSON array.
func array[I ~int | ~int64](ids []I) string {
	b := make([]byte, 0, 2+len(ids)*12)
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(append(b, ']'))
}
