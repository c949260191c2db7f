package mockdialer_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// listAll follows the pages of a list.
func listAll(t *testing.T, s *mockdialer.Server, query string) (sids []string, pages int) {
	t.Helper()
	for target := callsURL(s) + "?" + query; ; {
		got := ask(t, http.MethodGet, target, nil)
		require.Equal(t, http.StatusOK, got.HTTP, got.Message)
		require.NotNil(t, got.Calls)
		require.Equal(t, pages, got.Page)
		for _, c := range got.Calls {
			sids = append(sids, c.Sid)
		}
		pages++
		if got.NextPageURI == nil {
			return sids, pages
		}
		target = s.URL() + *got.NextPageURI
	}
}

func TestListPagesNewestFirst(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	var all, odd []string
	for i := range 25 {
		sid := create(t, s, "To", fmt.Sprintf("+1555000001%d", i%2)).Sid
		all = append([]string{sid}, all...)
		if i%2 == 1 {
			odd = append([]string{sid}, odd...)
		}
	}
	got, pages := listAll(t, s, "PageSize=10")
	require.Equal(t, all, got)
	require.Equal(t, 3, pages)
	got, pages = listAll(t, s, "PageSize=5&To=%2B15550000011&From="+url.QueryEscape(caller))
	require.Equal(t, odd, got)
	require.Equal(t, 3, pages)
	got, _ = listAll(t, s, "From=%2B15559999999")
	require.Empty(t, got)
	got, _ = listAll(t, s, "To=%2B15559999999")
	require.Empty(t, got)

	second := ask(t, http.MethodGet, callsURL(s)+"?PageSize=10&Page=1", nil)
	require.Equal(t, all[10], second.Calls[0].Sid)
	require.NotNil(t, second.PreviousPageURI)
	full, _ := listAll(t, s, "PageSize=5000")
	require.Len(t, full, 25)
}

func TestListPagesStayWhileCallsArrive(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	old := []string{create(t, s).Sid, create(t, s).Sid}
	first := ask(t, http.MethodGet, callsURL(s)+"?PageSize=1", nil)
	create(t, s)
	second := ask(t, http.MethodGet, s.URL()+*first.NextPageURI, nil)
	require.Equal(t, old[1], first.Calls[0].Sid)
	require.Equal(t, old[0], second.Calls[0].Sid)
}

func TestListFilters(t *testing.T) {
	s := start(t, mockdialer.Config{Script: map[string][]mockdialer.Outcome{
		callee: {{Status: mockdialer.Busy}, {Status: mockdialer.Completed}, {Status: mockdialer.Busy, Duration: new(time.Hour)}},
	}})
	busy, done := create(t, s).Sid, create(t, s).Sid
	queued := create(t, s).Sid
	now := time.Now().UTC()
	yesterday, tomorrow := now.AddDate(0, 0, -1), now.AddDate(0, 0, 1)
	for query, want := range map[string][]string{
		"Status=busy":      {busy},
		"Status=completed": {done},
		"StartTime%3E%3D=" + url.QueryEscape(now.Add(-time.Hour).Format(time.RFC3339)) + "&Status=completed": {done},
		"StartTime>=" + yesterday.Format(time.DateOnly) + "&Status=busy":                                     {busy},
		"StartTime>=" + tomorrow.Format(time.DateOnly):                                                       nil,
		"StartTime<=" + yesterday.Format(time.DateOnly):                                                      nil,
		"StartTime<=" + tomorrow.Format(time.DateOnly) + "&Status=completed":                                 {done},
		"StartTime>=" + tomorrow.Format(time.DateOnly) + "&Status=queued":                                    nil,
	} {
		got, _ := listAll(t, s, query)
		require.Equal(t, want, got, query)
	}
	got, _ := listAll(t, s, "")
	require.Equal(t, []string{queued, done, busy}, got)
}

func TestListRefusals(t *testing.T) {
	s := start(t, mockdialer.Config{})
	for _, query := range []string{
		"Status=lost", "PageSize=0", "PageSize=x", "Page=-1", "StartTime>=soon", "PageToken=PAxyz", "PageToken=x", "To=%zz",
	} {
		got := ask(t, http.MethodGet, callsURL(s)+"?"+query, nil)
		require.Equal(t, http.StatusBadRequest, got.HTTP, query)
		require.Equal(t, 20001, got.Code)
	}
}
