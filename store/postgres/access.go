package postgres

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"dialtone/store"
	"dialtone/store/internal/code"
	"dialtone/store/internal/refuse"
)

// CreateKey stores an API key.
func (s *Store) CreateKey(ctx context.Context, k store.Key) (store.Key, error) {
	if k.CreatedAt.IsZero() {
		k.CreatedAt = time.Now()
	}
	k.CreatedAt = code.Time(k.CreatedAt)
	err := s.change(ctx, "create an API key", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into api_keys (id, name, scope, sha256, created_at) values ($1, $2, $3, $4, $5)`,
			k.ID, k.Name, string(k.Scope), k.SHA256, k.CreatedAt)
		if unique(err) {
			return refuse.KeyExists(k.ID)
		}
		return err
	})
	if err != nil {
		return store.Key{}, err
	}
	return k, nil
}

// ListKeys lists all, oldest first.
func (s *Store) ListKeys(ctx context.Context) (out []store.Key, err error) {
	rows, err := s.pool.Query(ctx, `select id, name, scope, sha256, created_at from api_keys order by created_at, id`)
	err = each(rows, err, func(row pgx.Row) error {
		k, err := scanKey(row)
		out = append(out, k)
		return err
	})
	return out, translate(ctx, "list API keys", err)
}

func scanKey(row pgx.Row) (k store.Key, err error) {
	err = row.Scan(&k.ID, &k.Name, &k.Scope, &k.SHA256, &k.CreatedAt)
	k.CreatedAt = k.CreatedAt.UTC()
	return k, err
}

// RevokeKey removes a key.
func (s *Store) RevokeKey(ctx context.Context, id string) error {
	return s.change(ctx, "revoke an API key", func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `delete from api_keys where id = $1`, id)
		if err == nil && done.RowsAffected() == 0 {
			return refuse.NoKey(id)
		}
		return err
	})
}

// KeyByHash finds the key with a secret.
func (s *Store) KeyByHash(ctx context.Context, sha256 []byte) (store.Key, error) {
	// On the unique index of the hashes.
	k, err := scanKey(s.pool.QueryRow(ctx, `select id, name, scope, sha256, created_at from api_keys where sha256 = $1`, sha256))
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Key{}, refuse.UnknownKey()
	}
	return k, translate(ctx, "find an API key", err)
}

// Setting reads a setting; nil if there is none.
func (s *Store) Setting(ctx context.Context, name string) (value []byte, err error) {
	err = s.pool.QueryRow(ctx, `select value from settings where name = $1`, name).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return value, translate(ctx, "read a setting", err)
}

// PutSetting writes a setting.
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	return s.change(ctx, "write a setting", func(tx pgx.Tx) error {
		// nil would be NULL.
		_, err := tx.Exec(ctx, `
insert into settings (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value`,
			name, append([]byte{}, value...))
		return err
	})
}

// Recall looks up an idempotency key.
func (s *Store) Recall(ctx context.Context, once store.Once) (resource string, ok bool, err error) {
	if once.Key == "" {
		return "", false, nil
	}
	resource, ok, err = recall(ctx, s.pool, once)
	return resource, ok, translate(ctx, "recall an idempotency key", err)
}

func recall(ctx context.Context, q querier, once store.Once) (resource string, ok bool, err error) {
	var fingerprint []byte
	err = q.QueryRow(ctx, `select fingerprint, resource from onces where key = $1`, once.Key).Scan(&fingerprint, &resource)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, err
	case !bytes.Equal(fingerprint, once.Fingerprint):
		return "", false, refuse.Reused()
	}
	return resource, true, nil
}

// createOnce creates, unless the idempotency key says that it was done, and
// returns what was created now or then.
func createOnce(ctx context.Context, tx pgx.Tx, once store.Once, create func() (resource string, err error)) (string, error) {
	if once.Key == "" {
		return create()
	}
	// The key goes first: a second request with it waits here until the first has
	// committed, and then finds the key taken, or has not and takes it.
	done, err := tx.Exec(ctx, `
insert into onces (key, fingerprint, resource, created_at) values ($1, $2, '', $3) on conflict (key) do nothing`,
		once.Key, append([]byte{}, once.Fingerprint...), code.Time(time.Now()))
	if err != nil {
		return "", err
	}
	if done.RowsAffected() == 0 {
		resource, ok, err := recall(ctx, tx, once)
		if err == nil && !ok { // forgotten this very moment
			err = store.AsTransient(errors.New("the idempotency key was just removed"))
		}
		return resource, err
	}
	resource, err := create()
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `update onces set resource = $2 where key = $1`, once.Key, resource)
	return resource, err
}

// ForgetOnces removes old idempotency keys.
func (s *Store) ForgetOnces(ctx context.Context, before time.Time) error {
	return s.change(ctx, "forget idempotency keys", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from onces where created_at < $1`, before)
		return err
	})
}
