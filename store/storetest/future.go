package storetest

import (
	"database/sql"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// Later are the shipped migrations, and those that a later version may bring: they do all
// that the rules allow.  index is how an index is made beside the writers, if it is.
func Later(t testing.TB, rules Rules, index string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{
		"00900_expand.sql": {Data: []byte(`-- +goose Up
alter table campaigns add column later text;
alter table campaign_stats add column later integer not null default 7;
alter table calls add column later integer not null default 7;
alter table calls add column later_text text not null default 'x';
alter table attempts add column later integer not null default 7;
alter table partitions add column later text;
alter table settings add column later text;
alter table api_keys add column later text not null default '';
alter table onces add column later text;
alter table zones add column later text;
create table later (id integer primary key, what text not null);
insert into later (id, what) values (1, 'one');
`)},
		"00901_index.sql": {Data: []byte(index)},
	}
	for name, f := range files {
		require.Empty(t, rules.faults(string(f.Data)), name)
	}
	shipped := os.DirFS("migrations")
	names, err := fs.Glob(shipped, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(shipped, name)
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}

// Future holds a driver to working with the schema of a later version: while it comes
// about under a node that runs, and for a node of this version that starts after it.
// forward brings the database of t there; it may be called again.  db is the same
// database, for what only a later version writes.
func Future(t *testing.T, open Open, db *sql.DB, forward func(t testing.TB)) {
	s := newScene(t, open)
	id := s.campaign(3)
	s.life(id, 1)
	forward(t)
	s.life(id, 2) // whatever was prepared before
	other := s.node(open)
	other.own()
	other.life(id, 3)
	require.Equal(t, campaign.Stats{Total: 3, Completed: 3, Attempts: 3}, s.stats(id))
	require.NoError(t, other.Store.Ping(other.ctx))

	// What a later version has set is not undone by a change of this one's.
	_, err := db.ExecContext(t.Context(), `update campaigns set settings = '{"name":"x","max_concurrent_calls":7,"later":{"a":1},"retry":{"max_attempts":3,"later":true}}' where id = 2`)
	require.NoError(t, err)
	require.Equal(t, campaign.ID(2), id)
	_, err = s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.MaxConcurrentCalls = 9; return nil })
	require.NoError(t, err)
	var column string
	require.NoError(t, db.QueryRowContext(t.Context(), `select settings from campaigns where id = 2`).Scan(&column))
	require.JSONEq(t, `{"name":"x","max_concurrent_calls":9,"weight":0,"priority":5,"later":{"a":1},"retry":{"max_attempts":3,"later":true}}`, column)

	ahead := func(t testing.TB) store.Store {
		forward(t)
		return open(t)
	}
	names := map[string]bool{
		"Campaigns": true, "UpdateSettings": true, "Duplicates": true, "Delete": true, "Calls": true, "OpenAttempts": true, "Ownership": true,
		"Keys": true, "Settings": true, "Once": true, "OneCall": true, "StaleEpoch": true, "EndCalls": true, "Effort": true, "CallsCarryZones": true,
	}
	ran := map[string]bool{}
	for _, part := range parts {
		if names[part.name] {
			ran[part.name] = true
			t.Run(part.name, func(t *testing.T) { part.run(t, ahead) })
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(names)), slices.Collect(maps.Keys(ran)))
}

// life takes the n-th call of a campaign, counted from 1, from its claim to its end.
func (s *scene) life(id campaign.ID, n int) {
	s.Helper()
	a := attempt(s.queued(id)[0], 1)
	s.done(s.claim(id, a), s.placing(id, a))
	s.done(s.placed(id, a))
	s.done(s.finish(id, a, campaign.CallCompleted))
	require.Equal(s, n, s.stats(id).Completed)
}
