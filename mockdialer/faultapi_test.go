package mockdialer_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// control sends a request about the plan.
func control(t testing.TB, s *mockdialer.Server, method, body string) raw {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/faults", strings.NewReader(body))
	require.NoError(t, err)
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return raw{resp.StatusCode, resp.Header, string(text), err}
}

func TestPlanIsChangedLive(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	require.JSONEq(t, `{}`, control(t, s, http.MethodGet, "").body)
	create(t, s)

	got := control(t, s, http.MethodPut, wholeText[:strings.Index(wholeText, `"down"`)]+`"repeats": 3}`)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, got.body, control(t, s, http.MethodGet, "").body)
	var effective mockdialer.FaultPlan
	require.NoError(t, json.Unmarshal([]byte(got.body), &effective))
	require.Equal(t, wholePlan.Script, effective.Script)
	require.Equal(t, mockdialer.Fixed(30*time.Second), effective.HangFor, "defaults are told")

	got = control(t, s, http.MethodPut, `{"rates": {"500": 1}}`)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, 500, send(t, http.MethodPost, callsURL(s), form()).status, "in force when the answer comes")

	got = control(t, s, http.MethodPut, badText)
	require.Equal(t, http.StatusBadRequest, got.status)
	var refusal struct {
		Code   int
		Errors []struct{ Field, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &refusal))
	require.Len(t, refusal.Errors, len(badFields))
	require.Contains(t, got.body, "line 5: ")
	require.Equal(t, 500, send(t, http.MethodPost, callsURL(s), form()).status, "the plan before stays")

	require.JSONEq(t, `{}`, control(t, s, http.MethodDelete, "").body)
	create(t, s)
	require.Equal(t, map[mockdialer.Fault]int64{mockdialer.Fault500: 2}, s.Summary().Faults)
	require.Equal(t, http.StatusMethodNotAllowed, control(t, s, http.MethodPost, "{}").status)
	require.Equal(t, http.StatusBadRequest, control(t, s, http.MethodPut, strings.Repeat(" ", 5<<20)).status)
}

func TestPlanFromAfarNeedsCredentials(t *testing.T) {
	s := start(t, mockdialer.Config{})
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		r := httptest.NewRequest(method, "/faults", strings.NewReader(`{"rates": {"500": 1}}`))
		r.RemoteAddr = "192.0.2.1:5"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		require.Equal(t, http.StatusUnauthorized, w.Code, method)
	}
	require.Equal(t, mockdialer.FaultPlan{}, s.Faults())
}
