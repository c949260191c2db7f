package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"dialtone/api"
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
	Name  string      `arg:"" help:"What the key is for."`
	Scope store.Scope `default:"write" enum:"read,write,admin" help:"read, write or admin."`
}

func (k *keyCreate) Run(ctx context.Context, out io.Writer) error {
	return k.with(ctx, func(s store.Store) error {
		secret, hash := api.NewSecret()
		made, err := s.CreateKey(ctx, store.Key{
			ID: "key_" + rand.Text()[:12], Name: k.Name, Scope: k.Scope, SHA256: hash, CreatedAt: time.Now().UTC(),
		})
		if err != nil {
			return fmt.Errorf("create key: %w", err)
		}
		fmt.Fprintf(out, "%s\n\nKey %s (%s, scope %s). The secret above is shown only now; send it as\nAuthorization: Bearer %s…\n",
			secret, made.ID, made.Name, made.Scope, secret[:6])
		return nil
	})
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
