package storetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesOfMigrations(t *testing.T) {
	const up = "-- +goose Up\n"
	for _, c := range []struct{ text, says string }{
		{"create table t (id bigint primary key, n integer not null unique check (n > 0));\ncreate unique index i on t (n);\ninsert into t (id, n) values (1, 1);", ""},
		{"create table t (id bigint primary key);\nalter table t add constraint c check (id > 0);", ""},
		{"alter table calls\n  add column a integer not null default 0, -- a comment; with a semicolon\n add column b text,\n add column c text not null default '; drop',\n add column d boolean default false not null, add column e numeric(10, 2), add column f double precision;", ""},
		{"alter table calls add column a text default 'x'::text;", ""},
		{"-- +goose NO TRANSACTION\ndrop index concurrently if exists i;\ncreate index concurrently i on calls (zone, id);", ""},
		{"-- old nodes: none has written to it since version 7\nalter table calls drop column zone;", ""},

		{"alter table calls drop column zone;", "Add columns and tables only"},
		{"alter table calls rename column zone to z;", "Add columns and tables only"},
		{"alter table calls alter column zone type bigint;", "Add columns and tables only"},
		{"alter table calls alter column zone set not null;", "Add columns and tables only"},
		{"alter table calls add column a text, drop column zone;", "Add columns and tables only"},
		{"alter table calls add constraint c check (zone > 0) not valid;", "Add columns and tables only"},
		{"alter table calls add column a integer not null;", "constant default"},
		{"alter table calls add column a integer references t (id);", "binds nobody"},
		{"alter table calls add column a integer unique;", "binds nobody"},
		{"alter table calls add column a integer check (a > 0);", "binds nobody"},
		{"alter table calls add column a bigint generated always as identity;", "binds nobody"},
		{"alter table calls add column a timestamptz not null default now();", "binds nobody"},
		{"alter table calls add column a uuid default gen_random_uuid();", "binds nobody"},
		{"drop table calls;", "may not bear it"},
		{"DROP INDEX calls_zone;", "may not bear it"},
		{"alter index calls_zone rename to x;", "may not bear it"},
		{"update calls set zone = 0;", "may not bear it"},
		{"delete from onces;", "may not bear it"},
		{"insert into settings (name, value) values ('a', 'b');", "may not bear it"},
		{"create trigger x before insert on calls for each row execute function f();", "may not bear it"},
		{"create index i on calls (zone);", "build it concurrently"},
		{"create unique index i on calls (phone);", "may write what it refuses"},
		{"-- +goose NO TRANSACTION\ncreate index concurrently i on calls (zone);", "drop index concurrently if exists i before it"},
		{"drop index concurrently if exists i;\ncreate index concurrently i on calls (zone);", "in a file of its own"},
		{"-- +goose NO TRANSACTION\nalter table calls add column a text;\ndrop index concurrently if exists i;\ncreate index concurrently i on calls (zone);", "in a file of its own"},
		{"-- +goose NO TRANSACTION\nalter table calls add column a text;", "whole or not at all"},
	} {
		got := strings.Join(Rules{Concurrently: true}.faults(up+c.text+"\n-- +goose Down\ndrop table calls;\n"), "\n")
		if c.says == "" {
			require.Empty(t, got, c.text)
		} else {
			require.Contains(t, got, c.says, c.text)
		}
	}
	require.Empty(t, Rules{}.faults(up+"create index i on calls (zone);"), "where nobody else writes")
}
