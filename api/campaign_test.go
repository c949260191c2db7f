package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestCreateCampaignWithDefaults(t *testing.T) {
	s := newService(t)
	r := s.post("/v1/campaigns", `{"name": "Spring", "schedule": {"windows": []}, "priority": null}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	require.Equal(t, "/v1/campaigns/"+r.json()["id"].(string), r.header.Get("Location"))
	c := r.json()
	require.Equal(t, "pending", c["status"])
	require.Equal(t, "US", c["default_region"], "the service's")
	require.EqualValues(t, 10, c["max_concurrent_calls"])
	require.EqualValues(t, 1, c["weight"])
	require.EqualValues(t, 5, c["priority"])
	require.NotContains(t, c, "deadline")
	require.NotContains(t, c, "group")
	require.EqualValues(t, 0, c["progress"])
	require.Equal(t, map[string]any{"max_attempts": 3.0, "delay": "5m0s", "backoff": "fixed", "max_delay": "1h0m0s", "jitter": 0.0, "settle_within": "1h0m0s"}, c["retry"])
	require.NotContains(t, c, "started_at")
	require.JSONEq(t, string(r.body), string(s.get(r.header.Get("Location")).body))
}

func TestCreateCampaignTakesEverything(t *testing.T) {
	s := newService(t)
	r := s.post("/v1/campaigns", `{"name": "Spring", "from": "020 7946 0958", "default_region": "GB", "max_concurrent_calls": 25, "weight": 2.5,
		"priority": 1, "deadline": "2200-12-24T01:00:00+01:00", "group": "Customer 12",
		"retry": {"max_attempts": 5, "delay": "2h", "backoff": "exponential", "jitter": 0.2},
		"contacts": ["020 7946 0001", {"phone": "+12125550147", "variables": {"name": "Ada"}}, "+442079460001"]}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	c := r.json()
	require.Equal(t, "+442079460958", c["from"])
	require.EqualValues(t, 1, c["priority"])
	require.Equal(t, "2200-12-24T00:00:00Z", c["deadline"])
	require.Equal(t, "Customer 12", c["group"])
	require.Equal(t, map[string]any{"max_attempts": 5.0, "delay": "2h0m0s", "backoff": "exponential", "max_delay": "2h0m0s", "jitter": 0.2, "settle_within": "1h0m0s"}, c["retry"])
	require.EqualValues(t, 2, c["stats"].(map[string]any)["total"], "a repeated number is counted once")
	calls := s.get("/v1/campaigns/" + c["id"].(string) + "/calls").json()["calls"].([]any)
	require.Len(t, calls, 2)
	require.Equal(t, map[string]any{"name": "Ada"}, calls[1].(map[string]any)["variables"])
}

// badSettings are wrong both for a new campaign and as a patch.
var badSettings = map[string]struct {
	body   string
	fields []string
}{
	"empty name":             {`"name": "  "`, []string{"name"}},
	"null name":              {`"name": null`, []string{"name"}},
	"long name":              {`"name": "` + strings.Repeat("x", 201) + `"`, []string{"name"}},
	"name of another type":   {`"name": 5`, []string{"name"}},
	"zero limit":             {`"max_concurrent_calls": 0`, []string{"max_concurrent_calls"}},
	"negative limit":         {`"max_concurrent_calls": -1`, []string{"max_concurrent_calls"}},
	"huge limit":             {`"max_concurrent_calls": 100001`, []string{"max_concurrent_calls"}},
	"half a call":            {`"max_concurrent_calls": 1.5`, []string{"max_concurrent_calls"}},
	"limit in quotes":        {`"max_concurrent_calls": "10"`, []string{"max_concurrent_calls"}},
	"zero weight":            {`"weight": 0`, []string{"weight"}},
	"bad caller id":          {`"from": "12"`, []string{"from"}},
	"bad region":             {`"default_region": "XX"`, []string{"default_region"}},
	"no attempts":            {`"retry": {"max_attempts": 0}`, []string{"retry.max_attempts"}},
	"negative attempts":      {`"retry": {"max_attempts": -3}`, []string{"retry.max_attempts"}},
	"zero delay":             {`"retry": {"delay": "0s"}`, []string{"retry.delay"}},
	"delay without unit":     {`"retry": {"delay": "90"}`, []string{"retry.delay"}},
	"delay as a number":      {`"retry": {"delay": 90}`, []string{"retry.delay"}},
	"negative delay":         {`"retry": {"delay": "-5m"}`, []string{"retry.delay"}},
	"unknown backoff":        {`"retry": {"backoff": "random"}`, []string{"retry.backoff"}},
	"largest below delay":    {`"retry": {"delay": "5m", "max_delay": "1m"}`, []string{"retry.max_delay"}},
	"jitter above one":       {`"retry": {"jitter": 1.1}`, []string{"retry.jitter"}},
	"unknown inside retry":   {`"retry": {"attempts": 3}`, []string{"retry.attempts"}},
	"retry as a list":        {`"retry": []`, []string{"retry"}},
	"no priority":            {`"priority": 0`, []string{"priority"}},
	"a high priority":        {`"priority": 11`, []string{"priority"}},
	"half a priority":        {`"priority": 1.5`, []string{"priority"}},
	"priority in quotes":     {`"priority": "1"`, []string{"priority"}},
	"deadline passed":        {`"deadline": "2020-12-24T00:00:00Z"`, []string{"deadline"}},
	"deadline without time":  {`"deadline": "2200-12-24"`, []string{"deadline"}},
	"deadline as a number":   {`"deadline": 2200`, []string{"deadline"}},
	"deadline out of range":  {`"deadline": "2201-01-01T00:00:00Z"`, []string{"deadline"}},
	"empty group":            {`"group": ""`, []string{"group"}},
	"blank group":            {`"group": " "`, []string{"group"}},
	"padded group":           {`"group": "team-a "`, []string{"group"}},
	"long group":             {`"group": "` + strings.Repeat("x", 65) + `"`, []string{"group"}},
	"group of lines":         {`"group": "a\nb"`, []string{"group"}},
	"group as a number":      {`"group": 12`, []string{"group"}},
	"strategy":               {`"strategy": "fair"`, []string{"strategy"}},
	"unknown providers":      {`"providers": ["mock", "other", "more"]`, []string{"providers[1].name", "providers[2].name"}},
	"no providers":           {`"providers": []`, []string{"providers"}},
	"providers as a text":    {`"providers": "mock"`, []string{"providers"}},
	"a provider twice":       {`"providers": ["mock", "mock"]`, []string{"providers"}},
	"a provider's rank":      {`"name": "x", "providers": [{"name": "mock", "priority": 0, "weight": -1}]`, []string{"providers[0].priority", "providers[0].weight"}},
	"a provider without":     {`"providers": [{"nam": "mock"}, 5, null]`, []string{"providers[0].name", "providers[0].nam", "providers[1].name", "providers[2].name"}},
	"unknown routing":        {`"routing": "cheap"`, []string{"routing"}},
	"routing as a number":    {`"routing": 1`, []string{"routing"}},
	"callers as a list":      {`"from_by_prefix": []`, []string{"from_by_prefix"}},
	"callers' prefixes":      {`"from_by_prefix": {"44": "+442079460958", "+1": "12", "+49": null}`, []string{"from_by_prefix.+1", "from_by_prefix.+49", "from_by_prefix.44"}},
	"start":                  {`"start_at": "2026-12-24T00:00:00Z"`, []string{"start_at"}},
	"end":                    {`"end_at": "2026-12-24T00:00:00Z"`, []string{"end_at"}},
	"time zone":              {`"time_zone": "Europe/Paris"`, []string{"time_zone"}},
	"unknown default zone":   {`"default_time_zone": "Europe/Atlantis"`, []string{"default_time_zone"}},
	"default per contact":    {`"default_time_zone": "contact"`, []string{"default_time_zone"}},
	"empty default zone":     {`"default_time_zone": ""`, []string{"default_time_zone"}},
	"default zone as number": {`"default_time_zone": 1`, []string{"default_time_zone"}},
	"unknown field":          {`"max_concurrent": 5`, []string{"max_concurrent"}},
	"everything that is bad": {`"weight": -1, "max_concurrent_calls": -1, "retry": {"max_attempts": 101, "jitter": 2}, "zz": 1, "priority": -2, "group": "\t", "deadline": "2020-01-01T00:00:00Z", "providers": 2`, []string{"deadline", "providers", "max_concurrent_calls", "weight", "priority", "group", "retry.max_attempts", "retry.jitter", "zz"}},
}

func TestCampaignRefusesBadSettings(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	before := s.everything()
	for name, c := range badSettings {
		t.Run(name, func(t *testing.T) {
			body := "{" + c.body + "}"
			p := s.in(t).patch("/v1/campaigns/"+id, body).problem(http.StatusUnprocessableEntity, campaign.CodeInvalid)
			require.Equal(t, c.fields, p.fields())
			if !strings.Contains(body, `"name"`) {
				body = `{"name": "New", ` + c.body + "}"
			}
			p = s.in(t).post("/v1/campaigns", body).problem(http.StatusUnprocessableEntity, campaign.CodeInvalid)
			require.Equal(t, c.fields, p.fields())
		})
	}
	s.post("/v1/campaigns", `{`).problem(400, codeMalformed)
	s.patch("/v1/campaigns/"+id, `{"name": "x"`).problem(400, codeMalformed)
	s.patch("/v1/campaigns/"+id, `[]`).problem(400, codeMalformed)
	require.Equal(t, before, s.everything(), "something changed")
}

func TestCreateCampaignRefusesBadContacts(t *testing.T) {
	s := newService(t)
	before := s.everything()
	p := s.post("/v1/campaigns", `{"name": "Spring", "contacts": ["+12125550147", "12", {"phone": "+12125550148", "variables": 1}, {"number": "+12125550149"}, null, 5]}`).
		problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"contacts[1].phone", "contacts[2].variables", "contacts[3].phone", "contacts[3].number", "contacts[4].phone", "contacts[5].phone"}, p.fields())
	many := strings.TrimSuffix(strings.Repeat(`"+12125550147",`, maxContacts+1), ",")
	p = s.post("/v1/campaigns", `{"name": "Spring", "contacts": [`+many+`]}`).problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"contacts"}, p.fields())
	wrong := strings.TrimSuffix(strings.Repeat(`"1",`, 5000), ",")
	p = s.post("/v1/campaigns", `{"name": "Spring", "contacts": [`+wrong+`]}`).problem(422, campaign.CodeInvalid)
	require.Len(t, p.Errors, maxFaults+1, "as many as a person reads")
	require.Equal(t, before, s.everything(), "something changed")
}

func TestPatchCampaign(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "from": "+442079460958", "weight": 3, "retry": {"max_attempts": 7, "delay": "10m"}}`)
	r := s.patch("/v1/campaigns/"+id, `{"max_concurrent_calls": 25, "from": null, "weight": null, "default_region": "GB", "retry": {"delay": null, "jitter": 0.5}}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	c := r.json()
	require.Equal(t, "Spring", c["name"])
	require.NotContains(t, c, "from")
	require.EqualValues(t, 25, c["max_concurrent_calls"])
	require.EqualValues(t, 1, c["weight"])
	require.Equal(t, "GB", c["default_region"])
	require.Equal(t, map[string]any{"max_attempts": 7.0, "delay": "5m0s", "backoff": "fixed", "max_delay": "1h0m0s", "jitter": 0.5, "settle_within": "1h0m0s"}, c["retry"])
	c = s.patch("/v1/campaigns/"+id, `{"retry": null, "default_region": null}`).json()
	require.EqualValues(t, 3, c["retry"].(map[string]any)["max_attempts"])
	require.Equal(t, "US", c["default_region"])
	_, pokes, _ := s.bus.sent()
	require.Equal(t, []string{id + " refresh", id + " refresh"}, pokes)
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/cmp_1", `{"max_concurrent_calls": 50}`).status, "single calls have settings too")
}

func TestPatchWhatCountsForTheShare(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, moment))
	id := s.campaign(`{"name": "Spring", "priority": 2, "deadline": "2026-03-02T12:00:00Z", "group": "team-a"}`)
	patch := func(body string) map[string]any {
		r := s.patch("/v1/campaigns/"+id, body)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		return r.json()
	}
	c := patch(`{"priority": 10, "deadline": "2026-03-03T12:00:00Z", "group": "team-b"}`)
	require.Equal(t, []any{10.0, "2026-03-03T12:00:00Z", "team-b"}, []any{c["priority"], c["deadline"], c["group"]})
	c = patch(`{"weight": 2}`)
	require.Equal(t, []any{10.0, "2026-03-03T12:00:00Z", "team-b"}, []any{c["priority"], c["deadline"], c["group"]}, "absent stays")

	now.set(on("2026-03-03T12:00:00Z"))
	require.Equal(t, "2026-03-03T12:00:00Z", patch(`{"weight": 3}`)["deadline"], "that it has passed hinders nobody")
	p := s.patch("/v1/campaigns/"+id, `{"deadline": "2026-03-03T12:00:00Z"}`).problem(422, campaign.CodeInvalid)
	require.Contains(t, p.Detail, "Give a deadline that is still ahead, not 2026-03-03T12:00:00Z, or null for none.")

	c = patch(`{"priority": null, "deadline": null, "group": null}`)
	require.EqualValues(t, 5, c["priority"])
	require.NotContains(t, c, "deadline")
	require.NotContains(t, c, "group")
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/cmp_1", `{"priority": 1, "group": "singles", "deadline": null}`).status)
	s.patch("/v1/campaigns/cmp_1", `{"deadline": "2027-03-03T12:00:00Z"}`).problem(409, campaign.CodeConflict)
}

func TestListCampaignsInPages(t *testing.T) {
	s := newService(t)
	for i := range 5 {
		s.campaign(fmt.Sprintf(`{"name": "n%d"}`, i))
	}
	var names []string
	path, pages := "/v1/campaigns?limit=2", 0
	for next := path; next != ""; pages++ {
		page := s.get(next).json()
		for _, c := range page["campaigns"].([]any) {
			names = append(names, c.(map[string]any)["name"].(string))
		}
		next = ""
		if cursor, more := page["next_cursor"]; more {
			next = path + "&cursor=" + cursor.(string)
		}
	}
	require.Equal(t, []string{"n4", "n3", "n2", "n1", "n0"}, names)
	require.Equal(t, 3, pages)
	require.Empty(t, s.get("/v1/campaigns?status=paused").json()["campaigns"])
	require.Len(t, s.get("/v1/campaigns?status=pending").json()["campaigns"], 5)
}

func TestListsRefuseBadParameters(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550147"]}`)
	for _, path := range []string{"/v1/campaigns", "/v1/campaigns/" + id + "/calls"} {
		for query, field := range map[string]string{
			"limit=-1": "limit", "limit=0": "limit", "limit=501": "limit", "limit=ten": "limit",
			"status=gone": "status", "cursor=xyz": "cursor", "cursor=" + cursorText("cmp_x"): "cursor", "offset=3": "offset",
		} {
			p := s.get(path+"?"+query).problem(422, campaign.CodeInvalid)
			require.Equal(t, []string{field}, p.fields(), query)
			require.Equal(t, "query", p.Errors[0].Location)
		}
	}
	p := s.get("/v1/campaigns?limit=-1&status=gone").problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"limit", "status"}, p.fields(), "all at once")
	p = s.get("/v1/campaigns?status=armed").problem(422, campaign.CodeInvalid)
	require.Contains(t, p.Detail, "Give one of pending, in_progress, paused, completed, failed or canceled, or leave it out for all.")
	p = s.get("/v1/campaigns/"+id+"/calls?status=pending").problem(422, campaign.CodeInvalid)
	require.Contains(t, p.Detail, "Give one of queued, in_progress, retry_wait, completed, failed or canceled")
}

func TestDeleteCampaign(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	r := s.send(http.MethodDelete, "/v1/campaigns/"+id, "", "")
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	require.Empty(t, r.body)
	s.get("/v1/campaigns/"+id).problem(404, campaign.CodeNotFound)
	s.send(http.MethodDelete, "/v1/campaigns/"+id, "", "").problem(404, campaign.CodeNotFound)
	s.send(http.MethodDelete, "/v1/campaigns/cmp_1", "", "").problem(409, campaign.CodeConflict)
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/v1/campaigns/cmp_99", "/v1/campaigns/42", "/v1/campaigns/cmp_01", "/v1/calls/call_99", "/v1/calls/cmp_1",
		"/v1/campaigns/cmp_99/calls", "/v1/campaigns/cmp_99/stats", "/v1/campaigns/cmp_99/events", "/v1/nothing", "/", "/v1/campaigns/"} {
		s.get(path).problem(404, campaign.CodeNotFound)
	}
	s.patch("/v1/campaigns/cmp_99", `{"name": "x"}`).problem(404, campaign.CodeNotFound)
	s.post("/v1/campaigns/cmp_99/start", "").problem(404, campaign.CodeNotFound)
	s.csv("cmp_99", "phone\n+12125550147\n").problem(404, campaign.CodeNotFound)
	commands, pokes, _ := s.bus.sent()
	require.Empty(t, append(commands, pokes...))
}

// The largest delay follows the delay while nobody has set it.
func TestTheDelayAloneMayBeChanged(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	patch := func(body string) reply { return s.send("PATCH", "/v1/campaigns/"+id, "application/json", body) }
	retry := func(r reply) Retry {
		var c Campaign
		require.Equal(t, 200, r.status, "%s", r.body)
		require.NoError(t, json.Unmarshal(r.body, &c))
		return c.Retry
	}
	require.Equal(t, "2h0m0s", retry(patch(`{"retry": {"delay": "2h"}}`)).MaxDelay)
	require.Equal(t, "1h0m0s", retry(patch(`{"retry": {"delay": "1m"}}`)).MaxDelay)
	require.Equal(t, "3h0m0s", retry(patch(`{"retry": {"max_delay": "3h"}}`)).MaxDelay)
	require.Equal(t, "3h0m0s", retry(patch(`{"retry": {"delay": "2h"}}`)).MaxDelay, "somebody's own stays")
	patch(`{"retry": {"delay": "4h"}}`).problem(422, campaign.CodeInvalid)
}
