package storetest

import (
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// Past is the database that Open opens, empty as yet, for what only its dialect
// can say.
type Past struct {
	Dialect goose.Dialect
	DB      *sql.DB
	// Moment is a time as a literal.
	Moment func(time.Time) string
}

// at brings the schema to a version, up or down.
func (p Past) at(t *testing.T, version int64) {
	t.Helper()
	g, err := goose.NewProvider(p.Dialect, p.DB, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	now, err := g.GetDBVersion(t.Context())
	require.NoError(t, err)
	if now < version {
		_, err = g.UpTo(t.Context(), version)
	} else {
		_, err = g.DownTo(t.Context(), version)
	}
	require.NoError(t, err)
}

func (p Past) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := p.DB.ExecContext(t.Context(), fmt.Sprintf(query, args...))
	require.NoError(t, err)
}

// olds are calls of the first version, by how their attempts ended; "" has not.
// Their ids are counted from 1.
var olds = [][]campaign.Disposition{
	{},
	{""},
	{campaign.DispositionBusy, campaign.DispositionLost, campaign.DispositionBusy},
	{
		campaign.DispositionCompleted, campaign.DispositionBusy, campaign.DispositionNoAnswer, campaign.DispositionFailed,
		campaign.DispositionCanceled, campaign.DispositionRejected, campaign.DispositionLost, "",
	},
	repeated(campaign.DispositionNoAnswer, 300),
}

func repeated(d campaign.Disposition, n int) []campaign.Disposition {
	out := make([]campaign.Disposition, n)
	for i := range out {
		out[i] = d
	}
	return out
}

// Migration holds a driver's second migration to what it promises: a database of
// the first version, with calls and attempts, comes back with its calls in no known
// zone and their attempts counted by how they ended.
func Migration(t *testing.T, open Open, past Past) {
	past.at(t, 1)
	past.fill(t)
	s := &scene{T: t, Store: open(t), ctx: t.Context()}
	s.own()
	const id = campaign.Single + 1
	checkOlds(s, id)

	// And life goes on with it.
	a := attempt(3, 4)
	claim := s.claim(id, a)
	s.done(claim, s.placing(id, a))
	require.Equal(t, effortOf(olds[2]), claim.Effort)
	s.done(s.finish(id, a, campaign.CallRetryWait))
	require.Equal(t, claim.Effort.With(campaign.DispositionBusy, today), s.call(3).Effort)
	added, err := s.AddContacts(s.ctx, id, zoned(100, 4))
	require.NoError(t, err)
	require.Equal(t, 4, added)
	require.Len(t, s.zones(id), len(someZones))
	require.NoError(t, s.Close())

	// Back, and here again: what is in the attempts is not lost.
	past.at(t, 1)
	s = newScene(t, open)
	want := claim.Effort
	want.Attempts, want.Tally = 4, want.Tally.With(campaign.DispositionBusy)
	require.Equal(t, want, s.call(3).Effort)
	require.Equal(t, map[campaign.Zones]campaign.ZoneID{"": 0}, s.zones(id))
}

// fill writes what version 1 wrote.
func (p Past) fill(t *testing.T) {
	now := p.Moment(start)
	p.exec(t, `insert into campaigns (settings, status, created_at, updated_at, started_at)
values ('{"name":"Old","max_concurrent_calls":5,"weight":1,"retry":{"max_attempts":3}}', 'in_progress', %s, %s, %s)`, now, now, now)
	p.exec(t, `insert into campaign_stats (campaign_id, total, queued) values (2, %d, %d)`, len(olds), len(olds))
	for i, ends := range olds {
		p.exec(t, `insert into calls (campaign_id, phone, status, claim, attempts, created_at) values (2, '%s', 0, %d, %d, %s)`,
			phone(i), len(ends), effortOf(ends).Attempts, now)
		for n, how := range ends {
			state := 4
			if how == "" {
				state = 1
			}
			p.exec(t, `insert into attempts (id, campaign_id, placer, number, provider, started_at, state, disposition)
values (%d, 2, 7, %d, 'mock', %s, %d, '%s')`, int64(attempt(campaign.CallID(i+1), n+1)), n+1, now, state, how)
		}
	}
}

// effortOf is what the migration can know of attempts.
func effortOf(ends []campaign.Disposition) (e campaign.Effort) {
	for _, how := range ends {
		if how != "" {
			e.Attempts, e.Tally = e.Attempts+1, e.Tally.With(how)
		}
	}
	return e
}

func checkOlds(s *scene, id campaign.ID) {
	require.Equal(s, map[campaign.Zones]campaign.ZoneID{"": 0}, s.zones(id))
	page, err := s.Queued(s.ctx, id, 0, 0, 100)
	require.NoError(s, err)
	require.Len(s, page, len(olds))
	for i, ends := range olds {
		c := s.call(campaign.CallID(i + 1))
		require.Equal(s, phone(i), c.Phone)
		require.Equal(s, effortOf(ends), c.Effort)
		require.Len(s, c.History, len(ends))
		require.Equal(s, store.Waiting{ID: c.ID, Claim: len(ends), Phone: phone(i)}, page[i])
	}
	c, err := s.Campaign(s.ctx, id)
	require.NoError(s, err)
	require.Equal(s, "Old", c.Name)
	require.False(s, c.Armed)
}
