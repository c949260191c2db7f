-- +goose Up

-- provider: the only one that may place a single call; '' is any.
alter table calls add column provider text not null default '';

-- +goose Down
alter table calls drop column provider;
