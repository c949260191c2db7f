// Package scenario reads scenarios from YAML files and plays them under strategies,
// so that their effect can be seen before it costs anybody a call.
package scenario

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/campaign"
)

// Scenario is what happens, whatever the strategy:
//
//	name: Two teams
//	start: 2026-03-02T08:00:00Z     # the default, a Monday
//	duration: 8h
//	seed: 1                         # the default; what decides each call
//	capacity:
//	  channels: 100                 # calls up at once; 0 or absent: no limit
//	  calls_per_second: 50          # 0 or absent: no limit
//	campaigns:
//	  - name: survey
//	    count: 5                    # so many alike; the default is 1
//	    numbers: 20000              # each
//	    call_length: 4s             # or 2s-90s, or {distribution: lognormal, mean: 40s, sigma: 1}
//	    max_concurrent_calls: 50    # the default is 10, as in the API
//	    weight: 2
//	    priority: 3
//	    group: sales
//	    deadline: 6h                # after the scenario's start, or a time
//	    start_after: 1h
//	    spread: 30m                 # they start one after the other, over so long
//	    schedule:                   # as in the API, in one time zone
//	      time_zone: America/New_York
//	      windows: [{days: [mon, tue], start: "09:00", end: "17:00"}]
//	    failing: 0.2                # the part of the calls that fail
//	    failing_length: 25s         # how long those last; like the others by default
//	    retry: {max_attempts: 3, delay: 10m, backoff: exponential, max_delay: 1h}
//	    changes:
//	      - {after: 2h, paused: true}
//	      - {after: 3h, paused: false, weight: 5, numbers: 1000, max_concurrent_calls: 80}
type Scenario struct {
	Name     string
	Start    time.Time
	Duration time.Duration
	Seed     uint64
	// Channels and CallsPerSecond are what is shared; 0 is no limit.
	Channels       int
	CallsPerSecond float64
	Campaigns      []Campaign
}

// Campaign is one line of the scenario's, which may stand for several alike.
type Campaign struct {
	// Settings are those of the API.  DefaultTimeZone and the like mean nothing here.
	campaign.Settings
	Count   int
	Numbers int // of each
	Calls   sim.Mix
	// StartAfter is when the first begins; the others follow over Spread.
	StartAfter time.Duration
	Spread     time.Duration
	Changes    []Change // by time
}

// Change is what becomes of a campaign while it runs.
type Change struct {
	After time.Duration
	// Paused: yes, no, or nil for as before.
	Paused *bool
	// Weight and MaxConcurrentCalls from now on; 0 is as before.
	Weight             float64
	MaxConcurrentCalls int
	// Numbers come in addition.
	Numbers int
}

// The bounds of a scenario.
const (
	LimitDuration  = 366 * 24 * time.Hour
	LimitCampaigns = 100_000
	LimitNumbers   = 10_000_000 // of one campaign
	LimitLength    = 24 * time.Hour
	limitCapacity  = 1_000_000
)

// defaultStart is a Monday morning.
var defaultStart = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// Size is how many campaigns and numbers there are, those that changes bring
// included.
func (s *Scenario) Size() (campaigns, numbers int) {
	for i := range s.Campaigns {
		c := &s.Campaigns[i]
		campaigns += c.Count
		numbers += c.Count * c.Numbers
		for _, ch := range c.Changes {
			numbers += c.Count * ch.Numbers
		}
	}
	return campaigns, numbers
}

// FileError tells everything that is wrong with a scenario, in one line.
type FileError struct {
	Path   string // "" where the text came from elsewhere
	Faults campaign.Errors
}

func (e *FileError) Error() string {
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = f.Error()
	}
	return cmp.Or(e.Path, "scenario") + ": " + strings.Join(texts, "; ")
}

// Unwrap lets errors.As find the single faults.
func (e *FileError) Unwrap() error { return e.Faults }

// ReadFile reads a scenario.  The error is a *FileError unless the file itself can't
// be read.
func ReadFile(path string) (*Scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the scenario: %w", err)
	}
	return read(path, text)
}

// Parse reads the text of a scenario.  The error is a *FileError with every fault.
func Parse(text []byte) (*Scenario, error) { return read("", text) }
