package simulation

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(800) // a run is short, and leaves nothing
	os.Exit(m.Run())
}
