package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

const (
	// With zoneNames joined.
	callColumns = `
c.id, c.campaign_id, c.phone, c.zone, coalesce(z.names, ''), c.variables::text, c.from_number, c.provider, c.status,
c.claim, c.attempts, c.tally, c.last_day, c.on_day, c.next_attempt_at, c.created_at, c.reason`
	zoneNames = `left join zones z on z.id = c.zone`

	// A call without attempts is joined with none: all of these are then empty.
	attemptColumns = `
coalesce(a.id, 0), coalesce(a.number, 0), coalesce(a.provider, ''), coalesce(a.provider_call_id, ''),
coalesce(a.state, 0), coalesce(a.disposition, ''), a.started_at, a.ended_at,
coalesce(a.duration, 0), coalesce(a.detail, '')`

	// page bounds a campaign's calls after a cursor: $1 and $2.  Written as a range
	// of pairs, with the order of pairs, because then no index but the campaign's
	// can serve it; by "campaign_id = $1 and id > $2 order by id" the planner may
	// walk the primary key through every other campaign's calls.
	page = `(c.campaign_id, c.id) > ($1, $2) and (c.campaign_id, c.id) < ($1 + 1, 0)`

	// zonePage is the same for one zone, $3, and its index.
	zonePage = `(c.zone, c.campaign_id, c.id) > ($3, $1, $2) and (c.zone, c.campaign_id, c.id) < ($3, $1 + 1, 0)`
)

// scanJoined reads a call beside one of its attempts.
func scanJoined(row pgx.Row) (c campaign.Call, a campaign.Attempt, err error) {
	var variables *string
	var status, state int
	var next, started, ended *time.Time
	err = row.Scan(&c.ID, &c.CampaignID, &c.Phone, &c.Zone, &c.Zones, &variables, &c.From, &c.Provider, &status,
		&c.Claim, &c.Attempts, &c.Tally, &c.Day, &c.OnDay, &next, &c.CreatedAt, &c.Reason,
		&a.ID, &a.Number, &a.Provider, &a.ProviderCallID, &state, &a.Disposition, &started, &ended, &a.Duration, &a.Detail)
	c.Variables = raw(variables)
	c.Status, c.NextAttemptAt, c.CreatedAt = code.Call(status), utc(next), c.CreatedAt.UTC()
	a.State, a.StartedAt, a.EndedAt = code.Attempt(state), utc(started), utc(ended)
	return c, a, err
}

func raw(s *string) json.RawMessage {
	if s == nil {
		return nil
	}
	return json.RawMessage(*s)
}

// histories reads calls, each repeated for every attempt, as calls with History.
func histories(rows pgx.Rows, err error) (out []campaign.Call, _ error) {
	err = each(rows, err, func(row pgx.Row) error {
		c, a, err := scanJoined(row)
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
	rows, err := q.Query(ctx, `
select `+callColumns+`,`+attemptColumns+`
from calls c
join campaigns p on p.id = c.campaign_id and p.deleted_at is null
`+zoneNames+`
left join attempts a on a.id between (c.id << 20) and ((c.id << 20) | 1048575)
where c.id = $1 order by a.id`, id)
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
	c, err := oneCall(ctx, s.pool, id)
	return c, translate(ctx, "read a call", err)
}

// CreateCall stores a single call in the standing campaign.
func (s *Store) CreateCall(ctx context.Context, n store.NewCall, once store.Once) (c campaign.Call, err error) {
	zones, err := s.zonesOf(ctx, []campaign.Contact{n.Contact})
	if err != nil {
		return c, err
	}
	err = s.change(ctx, "create a call", func(tx pgx.Tx) error {
		resource, err := createOnce(ctx, tx, once, func() (string, error) { return insertCall(ctx, tx, n, zones[0]) })
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

func insertCall(ctx context.Context, tx pgx.Tx, n store.NewCall, zone int32) (string, error) {
	if err := lockGrowth(ctx, tx, campaign.Single); err != nil {
		return "", err
	}
	var id campaign.CallID
	// The call and its place in the counters; the standing campaign never ends, so
	// its row needs no lock.
	err := tx.QueryRow(ctx, `
with made as (
    insert into calls (campaign_id, phone, zone, variables, from_number, provider, created_at)
    values (1, $1, $2, $3::json, $4, $5, $6) returning id),
counted as (update campaign_stats set total = total + 1, queued = queued + 1 where campaign_id = 1)
select id from made`, n.Phone, zone, text(n.Variables), n.From, n.Provider, code.Time(time.Now())).Scan(&id)
	return id.String(), err
}

// ListCalls pages by ascending id, with History.
func (s *Store) ListCalls(ctx context.Context, q store.CallQuery) ([]campaign.Call, error) {
	// The page is picked first, then its attempts: one statement, one snapshot.
	rows, err := s.pool.Query(ctx, `
select `+callColumns+`,`+attemptColumns+`
from (select * from calls c where `+page+` and ($3 < 0 or status = $3) order by c.campaign_id, c.id limit $4) c
`+zoneNames+`
left join attempts a on a.id between (c.id << 20) and ((c.id << 20) | 1048575)
order by c.id, a.id`, int64(q.Campaign), int64(q.After), code.OfCall(q.Status), q.Limit)
	out, err := histories(rows, err)
	return out, translate(ctx, "list calls", err)
}

// Open pages through what a waking owner must know.
func (s *Store) Open(ctx context.Context, id campaign.ID, after campaign.CallID, limit int) (out []store.OpenCall, err error) {
	// The attempt of the present claim has an id that can be computed.
	rows, err := s.pool.Query(ctx, `
select `+callColumns+`,`+attemptColumns+`
from calls c `+zoneNames+` left join attempts a on a.id = ((c.id << 20) | c.claim) and c.claim > 0
where `+page+` and (c.status in (1, 2) or c.status = 0 and c.claim > 0)
order by c.campaign_id, c.id limit $3`, int64(id), int64(after), limit)
	err = each(rows, err, func(row pgx.Row) error {
		c, a, err := scanJoined(row)
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
	// A claim stands on the call's row whether or not the attempt has one.
	rows, err := s.pool.Query(ctx, `select id, campaign_id, claim from calls where id = any($1)`, ids)
	err = each(rows, err, func(row pgx.Row) error {
		var id campaign.CallID
		var c claimed
		err := row.Scan(&id, &c.campaign, &c.claim)
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
	// number, which saves an index by number over all calls.  "offset 0" holds
	// the planner to probing; left to itself it reads whole indexes.
	rows, err := s.pool.Query(ctx, `
with c (id) as (
    select c.id from campaigns p cross join lateral (
        select id from calls where campaign_id = p.id and campaign_id > 1 and phone = $1 offset 0) c
    union all
    select id from calls where campaign_id = 1 and phone = $1)
select `+attemptColumns+`
from c cross join lateral (
    select * from attempts
    where id between (c.id << 20) and ((c.id << 20) | 1048575) and started_at >= $2 offset 0) a
order by a.id`, phone, since)
	err = each(rows, err, func(row pgx.Row) error {
		var a campaign.Attempt
		var state int
		var started, ended *time.Time
		err := row.Scan(&a.ID, &a.Number, &a.Provider, &a.ProviderCallID, &state, &a.Disposition, &started, &ended, &a.Duration, &a.Detail)
		a.State, a.StartedAt, a.EndedAt = code.Attempt(state), utc(started), utc(ended)
		out = append(out, a)
		return err
	})
	return out, translate(ctx, "list attempts to a number", err)
}
