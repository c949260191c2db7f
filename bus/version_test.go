package bus

import (
	"encoding/json"
	"testing"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

// later is what a node of a later version may write into a message: members that this
// one does not know, before, between and behind those that it does.
const later = `"later":{"kind":"place","list":[{"a":"}\""},null]},"more":"x"`

// withLater adds it to an encoded object.
func withLater(object []byte) []byte {
	inner := string(object[1 : len(object)-1])
	return []byte("{" + later + "," + inner + `,"last":[1,2.5e3,true]}`)
}

// Two versions run side by side: what the newer one tells beyond what the older knows is
// passed over, in single messages and in packed ones.
func TestMessagesOfALaterVersion(t *testing.T) {
	for _, j := range someJobs() {
		data, err := json.Marshal(j)
		require.NoError(t, err)
		readsAlike(t, data, decodeJobs)
	}
	for _, r := range someReports() {
		data, err := json.Marshal(r)
		require.NoError(t, err)
		readsAlike(t, data, decodeReports)
	}
	var value leaseValue
	require.NoError(t, json.Unmarshal(withLater([]byte(`{"holder":"n1","nonce":"a"}`)), &value))
	require.Equal(t, leaseValue{"n1", "a"}, value)
}

func readsAlike[T any](t *testing.T, data []byte, read func([]byte) ([]T, error)) {
	t.Helper()
	want, err := read(data)
	require.NoError(t, err)
	got, err := read(withLater(data))
	require.NoError(t, err)
	require.Equal(t, want, got)
	both, err := read([]byte("[" + string(data) + "," + string(withLater(data)) + "]"))
	require.NoError(t, err)
	require.Equal(t, append(want, want...), both)
}

// What the older one does not tell yet is nothing, and what it has no word for keeps
// the word: whoever takes the message decides.
func TestMessagesOfAnEarlierVersion(t *testing.T) {
	jobs, err := decodeJobs([]byte(`{"kind":"sing","campaign":"cmp_2","attempt":"1048577"}`))
	require.NoError(t, err)
	require.Equal(t, []campaign.Job{{Kind: "sing", Campaign: 2, Attempt: campaign.NewAttemptID(1, 1)}}, jobs)
	reports, err := decodeReports([]byte(`[{"kind":"sung","campaign":"cmp_2","attempt":"1048577"}]`))
	require.NoError(t, err)
	require.Equal(t, []campaign.Report{{Kind: "sung", Campaign: 2, Attempt: campaign.NewAttemptID(1, 1)}}, reports)
}
