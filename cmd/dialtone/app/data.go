package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// folder is the data folder, held by one process at a time.
type folder struct {
	path string
	lock *os.File
	// Node is the name of this node: made once, and the same after a restart, by
	// which it takes its own leases over at once.
	node string
}

// openFolder makes the folder if need be and locks it. The lock goes with the
// process, however that ends.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		lock.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another process; stop that one, or give another folder with --data", path)
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock the data folder %s: %w", path, err)
	}
	f := &folder{path: path, lock: lock}
	if f.node, err = f.name(); err != nil {
		lock.Close()
		return nil, err
	}
	return f, nil
}

func (f *folder) name() (string, error) {
	path := f.file("node")
	b, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(b)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the node's name: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	name := host + "-" + strings.ToLower(rand.Text()[:8])
	if err := os.WriteFile(path, []byte(name+"\n"), 0o640); err != nil {
		return "", fmt.Errorf("keep the node's name: %w", err)
	}
	return name, nil
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) close() error { return f.lock.Close() }
