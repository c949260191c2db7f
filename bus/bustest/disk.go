package bustest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// SmallDisk is a folder that is a file system of its own, just large enough: JetStream
// sets 256 MB aside for events, of three quarters of what is free.  Where none can be
// made, which takes root on Linux, the test is skipped.
func SmallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := mount(dir); err != nil {
		t.Skip("no file system can be mounted here, which takes root:", err)
	}
	t.Cleanup(func() { require.NoError(t, unmount(dir)) })
	return dir
}

// Fill takes all that is left on a disk, and returns how to give it back.
func Fill(t testing.TB, dir string) (release func()) {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	require.NoError(t, err)
	defer f.Close()
	for piece := make([]byte, 1<<20); len(piece) > 0; {
		if _, err = f.Write(piece); err != nil {
			require.True(t, Full(err), "%v", err)
			piece = piece[:len(piece)/2]
		}
	}
	return func() { require.NoError(t, os.Remove(filler)) }
}

// Full reports whether an error says that there is no room on a disk.
func Full(err error) bool { return errors.Is(err, errNoRoom) }
