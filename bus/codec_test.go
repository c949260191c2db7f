package bus

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

var someTimes = []time.Time{
	{}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600)),
}

var someTexts = []string{"", "mock-a", "+14155550123", `a "b" <c> & \d`, "line\nbreak", "ünïcode 📞", "\xff"}

func someJobs() (out []campaign.Job) {
	for i, s := range someTexts {
		for k, at := range someTimes {
			j := campaign.Job{
				Kind: campaign.JobPlace, Campaign: campaign.ID(i + 1), Attempt: campaign.NewAttemptID(campaign.CallID(i+1), k+1),
				Number: k - 1, Provider: s, To: s, From: s, NotAfter: at, ProviderCallID: s, PlacingAt: at,
			}
			if k > 0 {
				j.Kind, j.Variables = campaign.JobKind(s), json.RawMessage(`{"a":[1,{"b":"}\"]"}],"c":"\u00fc"}`)
			}
			out = append(out, j)
		}
	}
	return out
}

func someReports() (out []campaign.Report) {
	for i, s := range someTexts {
		for k, at := range someTimes {
			out = append(out, campaign.Report{
				Kind: campaign.ReportEnded, Campaign: campaign.ID(i + 1), Attempt: campaign.AttemptID(k + 1), Provider: s,
				ProviderCallID: s, Disposition: campaign.Disposition(s), Reason: s, Detail: s, At: at,
				Duration: time.Duration(k) * time.Second, RetryAfter: -time.Duration(i),
			})
		}
	}
	return out
}

// A field added to Job or Report must be added to the codec, and to the samples.
func TestSamplesFillEveryField(t *testing.T) {
	for _, sample := range []any{someJobs()[5], someReports()[5]} {
		v := reflect.ValueOf(sample)
		for i := range v.NumField() {
			require.False(t, v.Field(i).IsZero(), "%v.%s", v.Type(), v.Type().Field(i).Name)
		}
	}
}

// The codec by hand and encoding/json are the same in both directions.
func TestCodecIsEncodingJSON(t *testing.T) {
	for _, j := range someJobs() {
		want, err := json.Marshal(j)
		require.NoError(t, err)
		got, err := appendJob(nil, &j)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		sameDecoding(t, got, decodeJobs)
	}
	for _, r := range someReports() {
		want, err := json.Marshal(r)
		require.NoError(t, err)
		got, err := appendReport(nil, &r)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		sameDecoding(t, got, decodeReports)
	}
}

func sameDecoding[T any](t *testing.T, data []byte, decode func([]byte) ([]T, error)) {
	t.Helper()
	var want T
	wantErr := json.Unmarshal(data, &want)
	got, err := decode(data)
	if wantErr != nil {
		require.Error(t, err, "%s", data)
		return
	}
	require.NoError(t, err, "%s", data)
	require.Equal(t, []T{want}, got, "%s", data)
}

func TestCodecRefusesWhatJSONRefuses(t *testing.T) {
	for _, j := range []campaign.Job{
		{Variables: json.RawMessage(`{`)},
		{NotAfter: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)},
		{PlacingAt: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := appendJob(nil, &j)
		require.Error(t, err)
	}
	_, err := appendReport(nil, &campaign.Report{At: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.Error(t, err)
}

func TestCommonMessagesAreReadByHand(t *testing.T) {
	j := campaign.Job{Kind: campaign.JobPlace, Campaign: 7, Attempt: 9, Number: 1, Provider: "mock", To: "+1415", Variables: json.RawMessage(`{"a":1}`), NotAfter: someTimes[1]}
	data, err := appendJob(nil, &j)
	require.NoError(t, err)
	got, ok := scanAll(data, (*scanner).job)
	require.True(t, ok)
	require.Equal(t, []campaign.Job{j}, got)
	r := campaign.Report{Kind: campaign.ReportEnded, Campaign: 7, Attempt: 9, At: someTimes[1], Duration: 7}
	data, err = appendReport(nil, &r)
	require.NoError(t, err)
	two := append(append(append([]byte("["), data...), ','), append(data, ']')...)
	rs, ok := scanAll(two, (*scanner).report)
	require.True(t, ok)
	require.Equal(t, []campaign.Report{r, r}, rs)
}

// What is read by hand is read as encoding/json reads it, whatever it is.
func FuzzDecode(f *testing.F) {
	for _, j := range someJobs() {
		data, _ := appendJob(nil, &j)
		f.Add(data)
	}
	for _, r := range someReports() {
		data, _ := appendReport(nil, &r)
		f.Add(data)
	}
	for _, s := range []string{`{}`, `[]`, `null`, `{"number":-0}`, `{"number":00}`, `{"kind":"a","kind":"b"}`, `{"at":"2026-01-02T03:04:05,5Z"}`, `{"variables":{]}}`, `[{"number":1},]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok := scanAll(data, (*scanner).job); ok && data[0] == '{' {
			sameDecoding(t, data, decodeJobs)
		}
		if rs, ok := scanAll(data, (*scanner).report); ok && data[0] == '[' {
			var want []campaign.Report
			require.NoError(t, json.Unmarshal(data, &want))
			require.Equal(t, want, rs)
		}
	})
}

func TestTokenIsOneToken(t *testing.T) {
	for in, want := range map[string]string{"mock-a": "mock-a", "": "_", "a.b c>d*": "a_b_c_d_", "ü\t": "ü_"} {
		require.Equal(t, want, token(in))
	}
}

func TestDeliveriesFromBothFormsOfReply(t *testing.T) {
	for reply, want := range map[string]int{
		"$JS.ACK.DIAL.callers.3.10.11.1700000000.0":                3,
		"$JS.ACK.hub.ACC.DIAL.callers.4.10.11.1700000000.0.random": 4,
		"$JS.ACK.hub.ACC.DIAL.callers.5.10.11.1700000000.0":        5,
		"nonsense": 1,
	} {
		require.Equal(t, want, deliveriesOf(reply), reply)
	}
}
