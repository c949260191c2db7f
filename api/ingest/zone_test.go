package ingest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/api/ingest"
	"dialtone/campaign"
)

// zones writes each contact as "number in zones variables".
func (m *memory) zones() []string {
	out := []string{}
	for _, c := range m.order {
		out = append(out, strings.TrimSpace(c.Phone+" in "+string(c.Zones)+" "+string(c.Variables)))
	}
	return out
}

func TestZonesAreDeterminedOrGiven(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format ingest.Format
		text   string
		want   []string
	}{
		{"of the number", ingest.FormatCSV, "phone\n+12125550147\n+12085550147\n+80012345678\n",
			[]string{"+12125550147 in America/New_York", "+12085550147 in America/Boise,America/Los_Angeles", "+80012345678 in"}},
		{"a column", ingest.FormatCSV, "phone,time_zone,name\n+12125550147,Europe/Paris,Ada\n+12125550148,,Jo\n+12125550149\n",
			[]string{`+12125550147 in Europe/Paris {"name":"Ada"}`, `+12125550148 in America/New_York {"name":"Jo"}`, `+12125550149 in America/New_York {"name":""}`}},
		{"a column in other letters and no variables", ingest.FormatCSV, " Time_Zone ;phone\n Europe/Paris ;+12125550147\n", []string{"+12125550147 in Europe/Paris"}},
		{"another column beside it", ingest.FormatCSV, "tz,phone,TIME_ZONE\nx,+12125550147,Europe/Paris\n", []string{`+12125550147 in Europe/Paris {"tz":"x"}`}},
		{"lines", ingest.FormatNDJSON, `{"phone":"+12125550147","time_zone":"Europe/Paris","variables":{"a":1}}` + "\n" + `{"phone":"+12125550148","time_zone":""}` + "\n" + `{"phone":"+12125550149","time_zone":null}`,
			[]string{`+12125550147 in Europe/Paris {"a":1}`, "+12125550148 in America/New_York", "+12125550149 in America/New_York"}},
		{"elements", ingest.FormatJSON, `["+12125550147",{"phone":"+12125550148","time_zone":"Europe/Paris"}]`,
			[]string{"+12125550147 in America/New_York", "+12125550148 in Europe/Paris"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, rows := range []int{1, 1_000} { // over the disk, and not
				m, result, err := read(t, tt.format, tt.text, ingest.Options{StageRows: rows})
				require.NoError(t, err)
				assert.Empty(t, result.Errors)
				assert.Equal(t, tt.want, m.zones())
			}
		})
	}
}

func TestZonesThatDoNotExistAreRefused(t *testing.T) {
	for _, zone := range []string{"Mars/Olympus", "EST5EDT4", "america/new_york", "Local", "../zone", "+01:00", "America/New_York,Europe/Paris"} {
		m, result, err := read(t, ingest.FormatCSV, "phone,time_zone\n+12125550147,\""+zone+"\"\n+12125550148,\n", us)
		require.NoError(t, err)
		require.Len(t, result.Errors, 1, zone)
		assert.Equal(t, 2, result.Errors[0].Line)
		assert.Equal(t, "+12125550147", result.Errors[0].Value)
		assert.Contains(t, result.Errors[0].Reason, "There is no time zone")
		assert.Len(t, m.order, 1)
	}
	_, result, err := read(t, ingest.FormatNDJSON, `{"phone":"+12125550147","time_zone":5}`, us)
	require.NoError(t, err)
	require.Contains(t, result.Errors[0].Reason, "must be a JSON string")
}

func TestCallersRuleForZonesIsTheLast(t *testing.T) {
	var asked []string
	opts := ingest.Options{Workers: 1, Zones: func(e164, given string) (campaign.Zones, error) {
		asked = append(asked, e164+" "+given)
		if given == "Europe/Paris" {
			return "", errors.New("Not there.")
		}
		return "Asia/Tokyo", nil
	}}
	m, result, err := read(t, ingest.FormatCSV, "phone,time_zone\n(212) 555-0147,Europe/Paris\n12\n+12125550148,\n", opts)
	require.NoError(t, err)
	assert.Equal(t, 2, result.Rejected, "there is no default region")
	assert.Equal(t, []string{"+12125550148 "}, asked, "a number that is none is in no zone")
	assert.Equal(t, []string{"+12125550148 in Asia/Tokyo"}, m.zones())

	opts.DefaultRegion = "US"
	_, result, err = read(t, ingest.FormatCSV, "phone,time_zone\n+12125550147,Europe/Paris\n", opts)
	require.NoError(t, err)
	assert.Equal(t, ingest.RowError{Line: 2, Value: "+12125550147", Reason: "Not there."}, result.Errors[0])
	assert.True(t, slices.Contains(asked, "+12125550147 Europe/Paris"))
}
