package hours_test

import (
	"archive/zip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seed replays a run of the property tests.
var seed = flag.Uint64("hours.seed", 0, "what the random schedules grow from; 0 takes another each time")

// zoneNames are all of Go's own zone file but Factory, which the tests use, so that they see
// the same zones on every machine: package time looks into ZONEINFO first.
var zoneNames []string

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	if err := useZoneFile(); err != nil {
		fmt.Println("the zone file of Go:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func useZoneFile() error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip")
	files, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer files.Close()
	for _, f := range files.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" {
			zoneNames = append(zoneNames, f.Name)
		}
	}
	return os.Setenv("ZONEINFO", path)
}
