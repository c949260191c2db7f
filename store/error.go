package store

import "errors"

// transient marks an error that may go away by itself.
type transient struct{ err error }

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// AsTransient marks an error of the database (connection lost, serialisation
// failure, disk busy) as worth trying again.  It is for drivers.
func AsTransient(err error) error {
	if err == nil {
		return nil
	}
	return &transient{err}
}

// Transient reports whether the same call may succeed later.
func Transient(err error) bool {
	var t *transient
	return errors.As(err, &t)
}
