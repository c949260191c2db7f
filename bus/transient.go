package bus

import (
	"crypto/tls"
	"errors"

	"github.com/nats-io/nats.go"
)

// transient is an error of Open that may go away by itself.
type transient struct{ err error }

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

func asTransient(err error) error { return &transient{err} }

// Transient reports whether Open may succeed later: the servers can't be reached yet,
// or their JetStream is not ready.  It is false where they refuse us, and for a fault of
// the Config.
func Transient(err error) bool {
	var t *transient
	return errors.As(err, &t)
}

// turnedAway reports whether a server was there and did not want us, which waiting does
// not change.
func turnedAway(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrSecureConnRequired) || errors.Is(err, nats.ErrSecureConnWanted) || errors.As(err, &certificate)
}
