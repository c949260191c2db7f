package scheduler

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// spiked adds members of a later version to every object in a message.
func spiked(t *testing.T, message any) []byte {
	data, err := json.Marshal(message)
	require.NoError(t, err)
	data, err = json.Marshal(spike(data))
	require.NoError(t, err)
	return data
}

func spike(raw json.RawMessage) any {
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case raw[0] == '{' && json.Unmarshal(raw, &object) == nil:
		out := map[string]any{"aaa_later": map[string]any{"tokens": []int{1}}, "zzz_later": "x"}
		for name, v := range object {
			out[name] = spike(v)
		}
		return out
	case raw[0] == '[' && json.Unmarshal(raw, &list) == nil:
		out := []any{}
		for _, v := range list {
			out = append(out, spike(v))
		}
		return out
	}
	return raw
}

// filled fails where a sample leaves a field out, at any depth.
func filled(t *testing.T, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		filled(t, v.Elem(), path)
	case reflect.Slice:
		require.NotZero(t, v.Len(), path)
		if v.Index(0).Kind() == reflect.Struct {
			filled(t, v.Index(0), path)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() || v.Type().PkgPath() != "dialtone/actors/scheduler" {
			return
		}
		for i := range v.NumField() {
			require.False(t, v.Field(i).IsZero(), "%s.%s", path, v.Type().Field(i).Name)
			filled(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	}
}

// Nodes and leader of two versions run side by side: what the newer one tells beyond what
// the older knows is passed over, at every depth.
func TestMessagesOfALaterVersion(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	mark := Mark{Term: 1 << 62, Seq: 3}
	report := Report{
		Node: "n1",
		Demands: []Demand{{
			Campaign: 2, Seen: mark, Retries: 1, Fresh: 2, Routes: []RouteDemand{{Route: route.Route("a"), Ready: 3}}, Limit: 4, Grown: 3, Weight: 0.5,
			Group: "g", Priority: 6, Remaining: 7, Due: at, Length: time.Second, Gone: true,
		}},
		Progress: []Progress{{Token: 1 << 63, Evidence: campaign.EvidencePlacing, Attempt: campaign.NewAttemptID(1, 1), To: "+1", Since: at, Outcome: campaign.OutcomeAnswered}},
		Releases: []Release{{Token: 5, Campaign: 2, Held: time.Minute, Unsent: true, Outcome: campaign.OutcomeFull, RetryAfter: time.Second}},
		Full: &Full{Seen: mark, Partitions: []Partition{{Number: 3, Epoch: 9}}, Holdings: []Holding{{
			Campaign: 2, Provider: "a", Granted: []uint64{1}, Placing: []uint64{2}, Ambiguous: []uint64{3}, Placed: []uint64{4},
		}}},
		Handover: &Handover{Term: 7, Providers: []Requests{{
			Provider: "a", Window: time.Second, Seen: []time.Duration{time.Millisecond}, Sent: []uint64{1 << 63}, Open: []uint64{6},
		}}},
	}
	filled(t, reflect.ValueOf(report), "Report")
	var gotReport Report
	require.NoError(t, json.Unmarshal(spiked(t, report), &gotReport))
	require.Equal(t, report, gotReport)

	grants := Grants{Mark: mark, Retell: true, Grants: []Grant{{Campaign: 2, Epoch: 3, Provider: "a", Tokens: []uint64{7}}}}
	filled(t, reflect.ValueOf(grants), "Grants")
	var gotGrants Grants
	require.NoError(t, json.Unmarshal(spiked(t, grants), &gotGrants))
	require.Equal(t, grants, gotGrants)
}

// A word of a later version for how far a call has come is no step back, and none
// forward: the slot stays in use, by what was known before.
func TestEvidenceOfALaterVersion(t *testing.T) {
	now := time.Now()
	core := readyCore(t, now)
	token := core.Grant(now)["n1"].Grants[0].Tokens[0]
	core.Take(&Report{Node: "n1", Progress: []Progress{{Token: token, Evidence: "singing"}}}, now)
	slots := core.Slots(SlotQuery{}, now)
	require.Len(t, slots, 1)
	require.Equal(t, campaign.EvidenceGranted, slots[0].Evidence)
}
