package pgtest

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who runs the server: PostgreSQL refuses to run as root.
type account struct{ credential *syscall.Credential }

func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, e1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, e2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(e1, e2); err != nil {
			return account{}, err
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// mkdir makes a folder of the account's own, that it can reach.
func (a account) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if a.credential == nil {
		return nil
	}
	parent, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	// Others may pass through the parent, and no more than before.
	if err := os.Chmod(filepath.Dir(path), parent.Mode().Perm()|0o011); err != nil {
		return err
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// process is how a program of the account is started.  The kernel ends it when
// this process dies, however it dies.
func (a account) process() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.credential, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
}
