package integration

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/e2e/judge"
)

// number finds the numbers that an example of a broken promise names.
var number = regexp.MustCompile(`\+\d{8,}`)

// trace tells everything that is known of the numbers with which promises were broken:
// the service's records and events, and the providers' entries.
func (s *site) trace(verdicts judge.Verdicts) {
	s.t.Helper()
	var numbers []string
	for _, v := range verdicts {
		for _, example := range v.Examples {
			numbers = append(numbers, number.FindAllString(example, -1)...)
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		for _, r := range s.campaigns {
			for _, c := range r.Calls {
				if c.To == n {
					s.t.Logf("%s of %s: %s\n%s", n, r.Name, s.show("/v1/calls/"+c.ID), strings.Join(s.queues.told(r.id, c.ID), "\n"))
				}
			}
		}
		for _, mock := range mocks {
			s.t.Logf("%s at %s:\n%s", n, mock, s.entries(mock, n))
		}
	}
}

func (s *site) show(path string) string {
	_, answer, err := s.api.try(http.MethodGet, path, "", "", nil)
	if err != nil {
		return err.Error()
	}
	return string(answer)
}

func (s *site) entries(mock, number string) string {
	resp, err := http.Get(s.settings.mockURL(mock) + "/ledger?to=" + url.QueryEscape(number))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // what there is of it
	return string(text)
}

// keepLogs appends what the containers said to bin/integration.log, before they are
// taken away.
func (s *site) keepLogs() {
	s.t.Helper()
	file := filepath.Join(root, "bin", "integration.log")
	require.NoError(s.t, os.MkdirAll(filepath.Dir(file), 0o755))
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(s.t, err)
	defer f.Close()
	_, err = f.WriteString("== " + time.Now().UTC().Format(time.RFC3339) + "\n" + compose(s.t, "logs", "--no-color", "--timestamps") + "\n")
	require.NoError(s.t, err)
}
