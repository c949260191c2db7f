package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

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
	err := s.change(ctx, "create an API key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into api_keys (id, name, scope, sha256, created_at) values (?, ?, ?, ?, ?)`,
			k.ID, k.Name, string(k.Scope), k.SHA256, micros(k.CreatedAt))
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
	rows, err := s.reader.QueryContext(ctx, `select id, name, scope, sha256, created_at from api_keys order by created_at, id`)
	err = each(rows, err, func(scan func(...any) error) error {
		k, err := scanKey(scan)
		out = append(out, k)
		return err
	})
	return out, translate(ctx, "list API keys", err)
}

func scanKey(scan func(...any) error) (k store.Key, err error) {
	var created int64
	err = scan(&k.ID, &k.Name, &k.Scope, &k.SHA256, &created)
	k.CreatedAt = moment(created)
	return k, err
}

// RevokeKey removes a key.
func (s *Store) RevokeKey(ctx context.Context, id string) error {
	return s.change(ctx, "revoke an API key", func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `delete from api_keys where id = ?`, id)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err == nil && n == 0 {
			return refuse.NoKey(id)
		}
		return err
	})
}

// KeyByHash finds the key with a secret.
func (s *Store) KeyByHash(ctx context.Context, sha256 []byte) (store.Key, error) {
	// On the unique index of the hashes.
	k, err := scanKey(s.reader.QueryRowContext(ctx,
		`select id, name, scope, sha256, created_at from api_keys where sha256 = ?`, sha256).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Key{}, refuse.UnknownKey()
	}
	return k, translate(ctx, "find an API key", err)
}

// Setting reads a setting; nil if there is none.
func (s *Store) Setting(ctx context.Context, name string) (value []byte, err error) {
	err = s.reader.QueryRowContext(ctx, `select value from settings where name = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && value == nil {
		value = []byte{} // an empty one: not the same as none
	}
	return value, translate(ctx, "read a setting", err)
}

// PutSetting writes a setting.
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	return s.change(ctx, "write a setting", func(tx *sql.Tx) error {
		// nil would be NULL.
		_, err := tx.ExecContext(ctx, `
insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value`,
			name, append([]byte{}, value...))
		return err
	})
}

// Recall looks up an idempotency key.
func (s *Store) Recall(ctx context.Context, once store.Once) (resource string, ok bool, err error) {
	resource, ok, err = recall(ctx, s.reader, once)
	return resource, ok, translate(ctx, "recall an idempotency key", err)
}

func recall(ctx context.Context, q querier, once store.Once) (resource string, ok bool, err error) {
	if once.Key == "" {
		return "", false, nil
	}
	var fingerprint []byte
	err = q.QueryRowContext(ctx, `select fingerprint, resource from onces where key = ?`, once.Key).Scan(&fingerprint, &resource)
	switch {
	case errors.Is(err, sql.ErrNoRows):
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
func createOnce(ctx context.Context, tx *sql.Tx, once store.Once, create func() (resource string, err error)) (string, error) {
	if resource, ok, err := recall(ctx, tx, once); ok || err != nil {
		return resource, err
	}
	resource, err := create()
	if err != nil || once.Key == "" {
		return resource, err
	}
	_, err = tx.ExecContext(ctx, `insert into onces (key, fingerprint, resource, created_at) values (?, ?, ?, ?)`,
		once.Key, append([]byte{}, once.Fingerprint...), resource, time.Now().UnixMicro())
	return resource, err
}

// ForgetOnces removes old idempotency keys.
func (s *Store) ForgetOnces(ctx context.Context, before time.Time) error {
	return s.change(ctx, "forget idempotency keys", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `delete from onces where created_at < ?`, before.UnixMicro())
		return err
	})
}
