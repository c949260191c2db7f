//go:build !linux

package pgtest

import (
	"errors"
	"os"
	"syscall"
)

// account is who runs the server: the user of the tests, who must not be root.
type account struct{}

func unprivileged() (account, error) {
	if os.Geteuid() == 0 {
		return account{}, errors.New("PostgreSQL does not run as root; run the tests as another user")
	}
	return account{}, nil
}

func (account) mkdir(path string) error { return os.Mkdir(path, 0o700) }

func (account) process() *syscall.SysProcAttr { return nil }
