package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"dialtone/store/storetest/pgtest"
)

var (
	binaries     string // folder of the built commands
	buildOnce    sync.Once
	buildFailure error
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "dialtone-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	pgtest.Stop()
	stalls.stop()
	os.RemoveAll(dir)
	os.Exit(code)
}

// binary is a built command of ours.
func binary(t *testing.T, name string) string {
	t.Helper()
	buildOnce.Do(func() {
		out, err := exec.Command("go", "build", "-o", binaries+"/", "dialtone/cmd/dialtone", "dialtone/cmd/mockdialer").CombinedOutput()
		if err != nil {
			buildFailure = fmt.Errorf("%w: %s", err, out)
		}
	})
	if buildFailure != nil {
		t.Fatal(buildFailure)
	}
	return filepath.Join(binaries, name)
}
