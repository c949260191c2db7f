package bustest

import "syscall"

const errNoRoom = syscall.ENOSPC

func mount(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=400m") }

// unmount works while files are open.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
