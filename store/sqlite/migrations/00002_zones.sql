-- +goose Up

-- The time zones that numbers may be in: campaign.Zones, each with a number that
-- calls carry instead.  0 is for numbers of which nothing is known and has no row.
-- Rows are never changed or removed.
create table zones (
    id    integer primary key,
    names text    not null unique
) strict;

-- zone: of the number; never changed.  tally, last_day, on_day: campaign.Effort,
-- which changes with every attempt and so stands in no index.
-- Columns with a constant default rewrite nothing.
alter table calls add column zone     integer not null default 0;
alter table calls add column tally    integer not null default 0;
alter table calls add column last_day integer not null default 0;
alter table calls add column on_day   integer not null default 0;

-- Armed: to be started by its schedule.
alter table campaigns add column armed integer not null default 0;

-- Pages of one zone's calls: an index ends with the row's id.
create index calls_zone on calls (campaign_id, zone);

-- What was done before is counted by how it ended: eight bits for each disposition
-- (campaign.Tally), full at 255.  On which day it was in the contact's zone nobody
-- knows any more: a day's limit counts from now on.
update calls set tally = t.tally
from (
    select e.call, sum(min(e.n, 255) << e.place) as tally
    from (
        select a.id >> 20 as call, d.column2 as place, count(*) as n
        from attempts a
        join (values ('completed', 0), ('busy', 8), ('no_answer', 16), ('failed', 24),
                     ('canceled', 32), ('rejected', 40), ('lost', 48)) d on d.column1 = a.disposition
        where a.state = 4
        group by 1, 2) e
    group by e.call) t
where calls.id = t.call;

-- +goose Down
drop index calls_zone;
alter table campaigns drop column armed;
alter table calls drop column zone;
alter table calls drop column tally;
alter table calls drop column last_day;
alter table calls drop column on_day;
drop table zones;
