package judge

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"dialtone/mockdialer"
)

// Entry is one call in a provider's ledger: a create request that became a call.
type Entry struct {
	Sid string `json:"sid"`
	To  string `json:"to"`
	// ReceivedAt is when the request came, EndedAt when the call was over; zero while
	// it is up.
	ReceivedAt time.Time `json:"received_at"`
	EndedAt    time.Time `json:"ended_at"`
	Status     string    `json:"status"`
	// StatusCallback names the attempt.
	StatusCallback string `json:"status_callback"`
}

// Over reports whether the call had ended by a moment.
func (e Entry) Over(at time.Time) bool { return !e.EndedAt.IsZero() && !at.Before(e.EndedAt) }

// Ledger is the calls that providers placed, in the order received.
type Ledger []Entry

// Summary is a ledger in short.
type Summary struct {
	Created    int            `json:"created"`
	Active     int            `json:"active"`
	PeakActive int            `json:"peak_active"`
	ByStatus   map[string]int `json:"by_status"`
}

// Read asks a mock provider for its ledger.  Of one on another machine the URL has the
// account and the token: http://account:token@host:port.
func Read(ctx context.Context, base string) (l Ledger, err error) {
	resp, err := get(ctx, base+"/ledger")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read the ledger: %w: %s", err, lines.Bytes())
		}
		l = append(l, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return l, nil
}

// ReadSummary asks for the ledger in short, as Read does for all of it.
func ReadSummary(ctx context.Context, base string) (s Summary, err error) {
	resp, err := get(ctx, base+"/ledger/summary")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("read the ledger's summary: %w", err)
	}
	return s, nil
}

func get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", req.URL.Redacted(), resp.Status)
	}
	return resp, nil
}

// Of is the ledger of a mock provider in this process, which tells it even while it is
// down.
func Of(mock *mockdialer.Server) Ledger {
	entries := mock.Ledger()
	l := make(Ledger, len(entries))
	for i, e := range entries {
		l[i] = Entry{Sid: e.Sid, To: e.To, ReceivedAt: e.ReceivedAt, EndedAt: e.EndedAt, Status: e.Status.String(), StatusCallback: e.StatusCallback}
	}
	return l
}

// Merge is several providers' ledgers as one, in the order received.
func Merge(ledgers ...Ledger) Ledger {
	all := slices.Concat(ledgers...)
	slices.SortStableFunc(all, func(a, b Entry) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return all
}

// ByNumber groups the calls.
func (l Ledger) ByNumber() map[string][]Entry {
	out := make(map[string][]Entry)
	for _, e := range l {
		out[e.To] = append(out[e.To], e)
	}
	return out
}

// Only keeps the calls to some numbers.
func (l Ledger) Only(numbers []string) (out Ledger) {
	wanted := make(map[string]bool, len(numbers))
	for _, n := range numbers {
		wanted[n] = true
	}
	for _, e := range l {
		if wanted[e.To] {
			out = append(out, e)
		}
	}
	return out
}
