-- +goose Up

-- Campaigns as users made them. Settings are one column of JSON: no query looks
-- into them.  Ids are never given twice (autoincrement), so that a callback of a
-- deleted campaign can't hit a later one.  Times are microseconds since 1970, UTC.
create table campaigns (
    id         integer primary key autoincrement,
    settings   text    not null,
    status     text    not null,
    created_at integer not null,
    updated_at integer not null,
    started_at integer,
    ended_at   integer,
    deleted_at integer
) strict;

-- The counters of a campaign, which change with every batch, apart from its
-- settings, which hardly do.
create table campaign_stats (
    campaign_id integer primary key,
    total       integer not null default 0,
    queued      integer not null default 0,
    in_progress integer not null default 0,
    retry_wait  integer not null default 0,
    completed   integer not null default 0,
    failed      integer not null default 0,
    canceled    integer not null default 0,
    attempts    integer not null default 0,
    retries     integer not null default 0
) strict;

-- One row a contact.  status: 0 queued, 1 in_progress, 2 retry_wait, 3 completed,
-- 4 failed, 5 canceled.  It stands in no index, so that the updates of a call's
-- life touch one page and no index.
create table calls (
    id              integer primary key autoincrement,
    campaign_id     integer not null,
    phone           text    not null,
    variables       text,
    from_number     text    not null default '',
    status          integer not null default 0,
    claim           integer not null default 0,
    attempts        integer not null default 0,
    next_attempt_at integer,
    created_at      integer not null,
    reason          text    not null default ''
) strict;

-- Pages of a campaign's calls: an index ends with the row's id.
create index calls_campaign on calls (campaign_id);
-- A campaign has a number once; the single calls may repeat theirs.
create unique index calls_phone on calls (campaign_id, phone) where campaign_id > 1;
-- The attempts to a number, among the single calls.
create index calls_single_phone on calls (phone) where campaign_id = 1;

-- One row for each time that a call was, or may have been, dialled.  The id is
-- the call's id << 20 | the claim's number, so a call's attempts lie side by side
-- and need no index of their own.  state: 1 placing, 2 ambiguous, 3 placed,
-- 4 ended.  duration is in nanoseconds.
create table attempts (
    id               integer primary key,
    campaign_id      integer not null,
    number           integer not null,
    provider         text    not null,
    provider_call_id text    not null default '',
    state            integer not null,
    disposition      text    not null default '',
    placer           integer not null,
    started_at       integer not null,
    ended_at         integer,
    duration         integer not null default 0,
    detail           text    not null default ''
) strict;

-- Who owns a partition, and the how-manieth owner it is.
create table partitions (
    partition integer primary key,
    epoch     integer not null,
    node      text    not null
) strict;

create table settings (
    name  text primary key,
    value blob not null
) strict;

create table api_keys (
    id         text    primary key,
    name       text    not null,
    scope      text    not null,
    sha256     blob    not null unique,
    created_at integer not null
) strict;

-- Idempotency keys, each with what its request created.
create table onces (
    key         text    primary key,
    fingerprint blob    not null,
    resource    text    not null,
    created_at  integer not null
) strict;

create index onces_created_at on onces (created_at);

-- The standing campaign of the single calls.
insert into campaigns (id, settings, status, created_at, updated_at, started_at) values (
    1,
    '{"name":"Single calls","max_concurrent_calls":1000,"weight":1,"retry":{"max_attempts":3,"delay":"5m0s","backoff":"fixed","max_delay":"1h0m0s"}}',
    'in_progress',
    cast(strftime('%s', 'now') as integer) * 1000000,
    cast(strftime('%s', 'now') as integer) * 1000000,
    cast(strftime('%s', 'now') as integer) * 1000000
);
insert into campaign_stats (campaign_id) values (1);

-- +goose Down
drop table onces;
drop table api_keys;
drop table settings;
drop table partitions;
drop table attempts;
drop table calls;
drop table campaign_stats;
drop table campaigns;
