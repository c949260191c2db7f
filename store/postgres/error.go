package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dialtone/campaign"
	"dialtone/store"
)

// Codes of PostgreSQL, appendix A of its manual.
const (
	codeUnique = "23505"
	// A plan that was prepared before a migration of another node.
	codeFeature = "0A000"
)

// passing are the classes of codes that may go away by themselves: connection,
// rollback (deadlock, serialization), resources, operator's intervention, object
// not ready (lock), I/O; and 25, a transaction that the server ended.
var passing = []string{"08", "25", "40", "53", "55", "57", "58"}

// translate gives an error of the database its meaning at the store's border.
// What is not the database's comes back as it is.
func translate(ctx context.Context, what string, err error) error {
	var mine *campaign.Error
	switch {
	case err == nil, errors.As(err, &mine):
		return err
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || pgconn.Timeout(err)):
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case transient(err):
		return store.AsTransient(fmt.Errorf("%s: %w", what, oneLine(err)))
	case databases(err):
		return fmt.Errorf("%s: %w", what, oneLine(err))
	}
	return err
}

func transient(err error) bool {
	var reply *pgconn.PgError
	if errors.As(err, &reply) {
		return reply.Code == codeFeature || slices.Contains(passing, reply.Code[:min(2, len(reply.Code))])
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgx.ErrTxClosed) || errors.Is(err, pgx.ErrTxCommitRollback)
}

// noDatabase is the code of a database that there is not; class 28 is for who may not
// come in.
const noDatabase = "3D000"

// refused reports whether the server was there and did not let us in, which waiting does
// not change.
func refused(err error) bool {
	var reply *pgconn.PgError
	if errors.As(err, &reply) {
		return reply.Code == noDatabase || strings.HasPrefix(reply.Code, "28")
	}
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

func databases(err error) bool {
	var reply *pgconn.PgError
	return errors.As(err, &reply)
}

// unique reports whether a row with that key exists.
func unique(err error) bool {
	var reply *pgconn.PgError
	return errors.As(err, &reply) && reply.Code == codeUnique
}

// line is an error whose text is one line; pgx tells of every address it tried
// on a line of its own.
type line struct{ error }

func (l line) Error() string {
	return strings.Join(strings.Fields(l.error.Error()), " ")
}

func (l line) Unwrap() error { return l.error }

func oneLine(err error) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	return line{err}
}
