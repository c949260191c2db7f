package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"dialtone/api"
	"dialtone/campaign"
	"dialtone/cmd/dialtone/app"
	"dialtone/store"
)

// key manages the API keys, straight in the database: whoever can open that may.
type key struct {
	Create keyCreate `cmd:"" help:"Create a key and print its secret, once."`
	List   keyList   `cmd:"" help:"List the keys."`
	Revoke keyRevoke `cmd:"" help:"Revoke a key."`
}

// database is which one.
type database struct {
	Data     string `default:"./data" env:"DIALTONE_DATA" help:"Data folder, for SQLite."`
	Database string `placeholder:"URL" env:"DIALTONE_DATABASE" help:"PostgreSQL; without it SQLite in the data folder."`
}

func (d database) with(ctx context.Context, f func(store.Store) error) error {
	s, err := app.OpenDatabase(ctx, d.Data, d.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

type keyCreate struct {
	database
	Name      string      `arg:"" help:"What the key is for."`
	Scope     store.Scope `default:"write" enum:"read,write,admin" help:"read, write or admin."`
	SecretEnv string      `name:"secret-env" placeholder:"VARIABLE" help:"Take the secret from this environment variable, instead of making and printing one. A key that is there already stays as it is."`
	Replace   bool        `help:"Revoke the other keys of this name."`
}

func (k *keyCreate) Run(ctx context.Context, out io.Writer) error {
	return k.with(ctx, func(s store.Store) error {
		made, err := k.create(ctx, s, out)
		if err != nil || !k.Replace {
			return err
		}
		return revokeOthers(ctx, s, made, out)
	})
}

func (k *keyCreate) create(ctx context.Context, s store.Store, out io.Writer) (store.Key, error) {
	if k.SecretEnv != "" {
		return k.take(ctx, s, out)
	}
	secret, hash := api.NewSecret()
	made, err := k.keep(ctx, s, hash)
	if err == nil {
		fmt.Fprintf(out, "%s\n\nKey %s (%s, scope %s). The secret above is shown only now; send it as\nAuthorization: Bearer %s…\n",
			secret, made.ID, made.Name, made.Scope, secret[:6])
	}
	return made, err
}

// take makes the key of a secret that was chosen elsewhere, unless it is there, and
// prints no part of the secret.
func (k *keyCreate) take(ctx context.Context, s store.Store, out io.Writer) (store.Key, error) {
	hash, err := api.HashChosen(os.Getenv(k.SecretEnv))
	if err != nil {
		return store.Key{}, fmt.Errorf("$%s: %w", k.SecretEnv, err)
	}
	found, err := s.KeyByHash(ctx, hash)
	switch {
	case err == nil && (found.Name != k.Name || found.Scope != k.Scope):
		return found, fmt.Errorf("$%s is the secret of key %s (%s, scope %s) already; revoke that one first, or give another secret",
			k.SecretEnv, found.ID, found.Name, found.Scope)
	case err == nil:
		fmt.Fprintf(out, "Key %s (%s, scope %s) is there.\n", found.ID, found.Name, found.Scope)
		return found, nil
	case campaign.CodeOf(err) != campaign.CodeNotFound:
		return found, fmt.Errorf("look for the key: %w", err)
	}
	made, err := k.keep(ctx, s, hash)
	if err == nil {
		fmt.Fprintf(out, "Key %s (%s, scope %s), with the secret of $%s.\n", made.ID, made.Name, made.Scope, k.SecretEnv)
	}
	return made, err
}

func (k *keyCreate) keep(ctx context.Context, s store.Store, hash []byte) (store.Key, error) {
	made, err := s.CreateKey(ctx, store.Key{
		ID: "key_" + rand.Text()[:12], Name: k.Name, Scope: k.Scope, SHA256: hash, CreatedAt: time.Now().UTC(),
	})
	if err != nil {
		return made, fmt.Errorf("create key: %w", err)
	}
	return made, nil
}

// revokeOthers leaves one key of its name.
func revokeOthers(ctx context.Context, s store.Store, stays store.Key, out io.Writer) error {
	keys, err := s.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	for _, k := range keys {
		if k.Name != stays.Name || k.ID == stays.ID {
			continue
		}
		if err := s.RevokeKey(ctx, k.ID); err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		fmt.Fprintln(out, "revoked", k.ID)
	}
	return nil
}

type keyList struct{ database }

func (k *keyList) Run(ctx context.Context, out io.Writer) error {
	return k.with(ctx, func(s store.Store) error {
		keys, err := s.ListKeys(ctx)
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tSCOPE\tCREATED")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Scope, k.CreatedAt.Format(time.RFC3339))
		}
		return w.Flush()
	})
}

type keyRevoke struct {
	database
	ID string `arg:"" help:"The key's id, as listed."`
}

func (k *keyRevoke) Run(ctx context.Context, out io.Writer) error {
	return k.with(ctx, func(s store.Store) error {
		if err := s.RevokeKey(ctx, k.ID); err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		fmt.Fprintln(out, "revoked", k.ID)
		return nil
	})
}
