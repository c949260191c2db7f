package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

func TestExplainCampaignPassesItsOwnersWordOn(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	s.bus.onReply = func(string, any) any {
		return campaign.CampaignExplanation{
			CampaignID: 2, Status: campaign.StatusInProgress,
			Explanation: campaign.Explanation{Rule: campaign.RuleLimitReached, Message: "10 of 10 calls are up."},
			InFlight:    10, MaxConcurrentCalls: 10, DueRetries: 3, Stats: campaign.Stats{Total: 20, Queued: 10, InProgress: 10},
			Zones: []campaign.ZoneHours{{TimeZones: []string{"Europe/Paris"}, Open: true, ChangesAt: moment}, {Done: true}},
		}
	}
	r := s.get("/v1/campaigns/" + id + "/explain")
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, `{"campaign_id": "cmp_2", "status": "in_progress", "rule": "limit_reached", "message": "10 of 10 calls are up.",
		"in_flight": 10, "max_concurrent_calls": 10, "due_retries": 3,
		"stats": {"total": 20, "queued": 10, "in_progress": 10, "retry_wait": 0, "completed": 0, "failed": 0, "canceled": 0, "attempts": 0, "retries": 0},
		"zones": [{"time_zones": ["Europe/Paris"], "open": true, "changes_at": "2026-03-01T12:00:00Z", "done": false}, {"open": false, "done": true}]}`, string(r.body))
	commands, _, _ := s.bus.sent()
	require.Equal(t, []string{id + " explain"}, commands)
}

func TestExplainWithoutAnOwner(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550147"]}`)
	s.get("/v1/campaigns/cmp_99/explain").problem(404, campaign.CodeNotFound)
	s.get("/v1/campaigns/x/explain").problem(404, campaign.CodeNotFound)
	s.get("/v1/calls/call_99/explain").problem(404, campaign.CodeNotFound)
	s.get("/v1/calls/x/explain").problem(404, campaign.CodeNotFound)
	commands, _, _ := s.bus.sent()
	require.Empty(t, commands)
	s.bus.onCommand = func(id campaign.ID, _ string) error {
		return campaign.Unavailable("Nobody answers for %v at the moment; try again.", id)
	}
	s.get("/v1/campaigns/"+id+"/explain").problem(503, campaign.CodeUnavailable)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	s.get("/v1/calls/"+s.call(id)+"/explain").problem(503, campaign.CodeUnavailable)
}

// call is the id of a campaign's first call.
func (s *service) call(id string) string {
	s.t.Helper()
	return s.get("/v1/campaigns/" + id + "/calls").json()["calls"].([]any)[0].(map[string]any)["id"].(string)
}

// explains is the rule that holds a call back, with its time, and the message.
func (s *service) explains(call string) (rule, message string) {
	s.t.Helper()
	r := s.get("/v1/calls/" + call + "/explain")
	require.Equal(s.t, http.StatusOK, r.status, "%s", r.body)
	var e CallExplanation
	require.NoError(s.t, json.Unmarshal(r.body, &e))
	require.Equal(s.t, call, e.CallID)
	require.Regexp(s.t, `^[A-Z].*\.$`, e.Message)
	rule = e.Rule
	if !e.NextDialAt.IsZero() {
		rule += " until " + rfc(e.NextDialAt)
	}
	return rule, e.Message
}

// TestExplainCallThroughItsLife follows one call from its creation to its end.
func TestExplainCallThroughItsLife(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T12:00:00Z"))) // a Monday, 07:00 in New York
	id := s.campaign(`{"name": "Spring", "schedule": ` + office + `, "retry": {"max_attempts_per_day": 2}, "contacts": ["+12125550147", "+12125550148"]}`)
	number, err := campaign.ParseID(id)
	require.NoError(t, err)
	call := s.call(id)
	callID, err := campaign.ParseCallID(call)
	require.NoError(t, err)
	whole := campaign.CampaignExplanation{CampaignID: number, DueRetries: 4, InFlight: 3, MaxConcurrentCalls: 10, Stats: campaign.Stats{Queued: 7}}
	s.bus.onReply = func(string, any) any { return whole }
	says := func(want, message string) {
		t.Helper()
		rule, said := s.explains(call)
		require.Equal(t, want, rule, said)
		require.Contains(t, said, message)
	}

	says("not_started", "/start")
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	says("outside_hours until 2026-03-02T14:00:00Z", "closed until 2026-03-02T14:00:00Z")
	commands, _, _ := s.bus.sent()
	require.Empty(t, commands, "what the store knows need not be asked")
	now.set(on("2026-03-02T15:00:00Z"))
	whole.Rule = campaign.RuleNone
	says("queued_behind", "retries due: 4, calls queued: 7, in flight: 3 of at most 10")
	whole.Explanation = campaign.Explanation{Rule: campaign.RuleNoRoute, Message: "No provider serves it."}
	says("no_route", "serves it")
	whole.Explanation = campaign.Explanation{Rule: campaign.RuleWaitingForToken, Message: "Others hold the tokens."}
	says("waiting_for_token", "Others hold")

	for n := range 2 {
		at, fence := campaign.NewAttemptID(callID, n+1), s.own()
		s.apply(&store.Claim{Fence: fence, Campaign: number, Attempt: at})
		says("in_progress", "is claimed")
		s.apply(&store.Placing{Campaign: number, Attempt: at, Number: n + 1, Provider: "mock", Placer: 7, At: now.now()})
		says("in_progress", "with mock, is placing")
		s.apply(&store.Finish{Fence: fence, Campaign: number, Attempt: at, Disposition: campaign.DispositionBusy, EndedAt: now.now(),
			Day: campaign.Day(now.now().Unix() / 86400), Next: campaign.CallRetryWait, NextAttemptAt: now.now().Add(time.Hour)})
		if n == 0 {
			says("retry_not_due until 2026-03-02T16:00:00Z", "it has had 1 attempt.")
		}
	}
	says("day_cap until 2026-03-03T14:00:00Z", "2 attempts today by the date in America/New_York, and max_attempts_per_day is 2; the next date has begun there at 2026-03-03T05:00:00Z, and the schedule opens at 2026-03-03T14:00:00Z.")
	s.patch("/v1/campaigns/"+id, `{"retry": {"max_attempts_per_day": null}}`)
	now.set(on("2026-03-02T21:30:00Z"))
	whole.Rule = campaign.RuleLimitReached
	says("limit_reached", "Others")

	s.move(id, campaign.StatusInProgress, campaign.StatusPaused)
	says("paused", "/resume")
	s.move(id, campaign.StatusPaused, campaign.StatusInProgress)
	s.patch("/v1/campaigns/"+id, `{"schedule": {"end_at": "2026-03-02T21:00:00Z"}}`)
	says("expired", "ended at 2026-03-02T21:00:00Z")
	s.move(id, campaign.StatusInProgress, campaign.StatusCanceled)
	says("ended", "is canceled")
	s.apply(&store.EndCalls{Fence: s.own(), Campaign: number, Status: campaign.StatusCanceled, Limit: 10})
	says("ended", "for the reason campaign_canceled, after 2 attempts;")
}

// monday is a call that waits, in a campaign that is dialling.
func monday(change func(*inquest)) inquest {
	q := inquest{
		now:  on("2026-03-02T12:00:00Z"),
		call: campaign.Call{ID: 7, CampaignID: 2, Contact: campaign.Contact{Phone: "+12125550147", Zones: "America/New_York"}, Status: campaign.CallQueued},
		of: campaign.Campaign{ID: 2, Status: campaign.StatusInProgress, Settings: campaign.Settings{Schedule: campaign.Schedule{
			TimeZone: campaign.ZoneOfContact, Windows: []campaign.Window{{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 17 * 60}}},
		}}},
	}
	change(&q)
	return q
}

// says holds the rule, its time, "" for none, and a part of its message.
func (q inquest) says(t *testing.T, rule campaign.Rule, next, message string) {
	t.Helper()
	e, held := q.explain()
	require.True(t, held)
	require.Equal(t, rule, e.Rule, e.Message)
	require.Contains(t, e.Message, message)
	if next == "" {
		require.Zero(t, e.NextDialAt)
		return
	}
	require.Equal(t, next, rfc(e.NextDialAt))
}

func TestExplainCallByItsOwnClock(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*inquest)
		rule    campaign.Rule
		next    string // of next_dial_at, "" for none
		message string
	}{
		"its zone": {func(*inquest) {}, campaign.RuleOutsideHours, "2026-03-02T14:00:00Z", "closed in America/New_York until"},
		"two zones": {func(q *inquest) { q.call.Zones = "America/Chicago,America/New_York" },
			campaign.RuleOutsideHours, "2026-03-02T15:00:00Z", "in one at least of the 2 time zones"},
		"default zone": {func(q *inquest) { q.call.Zones, q.of.DefaultTimeZone = "", "Asia/Tokyo" },
			campaign.RuleOutsideHours, "2026-03-03T00:00:00Z", "in Asia/Tokyo, the campaign's default time zone, until"},
		"no zone": {func(q *inquest) { q.call.Zones = "" }, campaign.RuleOutsideHours, "", "default_time_zone"},
		"zones that never meet": {func(q *inquest) { q.call.Zones = "Asia/Tokyo,America/New_York" },
			campaign.RuleOutsideHours, "", "never opens again"},
		"retry in the night": {func(q *inquest) {
			q.call.Status, q.call.NextAttemptAt, q.call.Attempts = campaign.CallRetryWait, on("2026-03-02T23:00:00Z"), 1
		}, campaign.RuleRetryNotDue, "2026-03-03T14:00:00Z", "from 2026-03-02T23:00:00Z on, and the schedule opens at 2026-03-03T14:00:00Z"},
		"retry after the end": {func(q *inquest) {
			q.call.Status, q.call.NextAttemptAt, q.of.Schedule.EndAt = campaign.CallRetryWait, on("2026-03-02T23:00:00Z"), on("2026-03-02T20:00:00Z")
		}, campaign.RuleRetryNotDue, "", "never opens after that"},
		"start ahead": {func(q *inquest) { q.of.Schedule.StartAt = on("2026-03-05T00:00:00Z") },
			campaign.RuleStartAhead, "2026-03-05T14:00:00Z", "starts at 2026-03-05T00:00:00Z"},
		"armed": {func(q *inquest) {
			q.of.Status, q.of.Armed, q.of.Schedule.StartAt = campaign.StatusPending, true, on("2026-03-05T00:00:00Z")
		}, campaign.RuleStartAhead, "2026-03-05T14:00:00Z", "waits for its start_at"},
		"failed": {func(q *inquest) {
			q.call.Status, q.call.Attempts = campaign.CallFailed, 1
			q.call.History = []campaign.Attempt{{Disposition: campaign.DispositionNoAnswer}}
		}, campaign.RuleEnded, "", "its last attempt, number 1, ended as no_answer"},
		"armed, to begin": {func(q *inquest) { q.of.Status, q.of.Armed = campaign.StatusPending, true },
			campaign.RuleStartAhead, "2026-03-02T14:00:00Z", "is about to begin"},
		"ended before it was started": {func(q *inquest) {
			q.of.Status, q.of.Schedule.EndAt = campaign.StatusPending, on("2026-03-02T12:00:00Z")
		}, campaign.RuleExpired, "", "can't start any more; give the schedule a later end_at"},
		"ended while paused": {func(q *inquest) {
			q.of.Status, q.of.Schedule.EndAt = campaign.StatusPaused, on("2026-03-02T12:00:00Z")
		}, campaign.RulePaused, "", "closes what is left as failed, for the reason expired. Give the schedule a later end_at first"},
		"paused before its end": {func(q *inquest) {
			q.of.Status, q.of.Schedule.EndAt = campaign.StatusPaused, on("2026-03-02T12:00:01Z")
		}, campaign.RulePaused, "", "/resume"},
		"day of another zone": {func(q *inquest) {
			q.now, q.of.Retry.MaxAttemptsPerDay = on("2026-03-03T02:00:00Z"), 1 // still the 2nd in New York
			q.call.Effort = campaign.Effort{}.With(campaign.DispositionBusy, campaign.Day(on("2026-03-02T00:00:00Z").Unix()/86400))
		}, campaign.RuleDayCap, "2026-03-03T14:00:00Z", "1 attempt today"},
	} {
		t.Run(name, func(t *testing.T) {
			monday(c.change).says(t, c.rule, c.next, c.message)
		})
	}
	_, held := monday(func(q *inquest) { q.now = on("2026-03-02T15:00:00Z") }).explain()
	require.False(t, held, "nothing of its own holds it back")
}

// TestExplainCountsTheDayWhereTheNumberIs: the day's cap goes by the number's own
// date, whatever the clock of the schedule, and with none at all.
func TestExplainCountsTheDayWhereTheNumberIs(t *testing.T) {
	const inTokyo = "The number has had 1 attempt today by the date in Asia/Tokyo, and max_attempts_per_day is 1; the next date has begun there at 2026-03-03T15:00:00Z"
	day := func(text string) campaign.Effort {
		return campaign.Effort{}.With(campaign.DispositionBusy, campaign.Day(on(text+"T00:00:00Z").Unix()/86400))
	}
	// 20:00 in UTC on Monday the 2nd is 15:00 in New York and 05:00 on the 3rd in Tokyo.
	capped := func(zones campaign.Zones, effort campaign.Effort, change func(*inquest)) inquest {
		q := monday(change)
		q.now, q.call.Zones, q.call.Effort, q.of.Retry.MaxAttemptsPerDay = on("2026-03-02T20:00:00Z"), zones, effort, 1
		return q
	}
	own := func(zone string) func(*inquest) { return func(q *inquest) { q.of.Schedule.TimeZone = zone } }
	never := func(q *inquest) { q.of.Schedule = campaign.Schedule{} }
	waits := func(next string) func(*inquest) {
		return func(q *inquest) {
			q.of.Schedule.TimeZone = "America/New_York"
			q.call.Status, q.call.NextAttemptAt = campaign.CallRetryWait, on(next)
		}
	}
	for name, c := range map[string]struct {
		inquest
		next, message string
	}{
		"the schedule's clock is another's": {capped("Asia/Tokyo", day("2026-03-03"), own("America/New_York")), "2026-03-03T15:00:00Z", inTokyo + "."},
		"the retry waits because of it":     {capped("Asia/Tokyo", day("2026-03-03"), waits("2026-03-03T15:00:00Z")), "2026-03-03T15:00:00Z", inTokyo},
		"the retry waits even longer":       {capped("Asia/Tokyo", day("2026-03-03"), waits("2026-03-03T23:00:00Z")), "2026-03-04T14:00:00Z", inTokyo + ", and the schedule opens at 2026-03-04T14:00:00Z."},
		"no schedule":                       {capped("Asia/Tokyo", day("2026-03-03"), never), "2026-03-03T15:00:00Z", inTokyo + "."},
		"no schedule, no zone":              {capped("", day("2026-03-02"), never), "2026-03-03T00:00:00Z", "by the date in UTC"},
		"no zone": {capped("", day("2026-03-03"), func(q *inquest) {
			never(q)
			q.of.DefaultTimeZone = "Asia/Tokyo"
		}), "2026-03-03T15:00:00Z", inTokyo},
		"several zones": {capped("America/Chicago,America/New_York", day("2026-03-02"), never), "2026-03-03T06:00:00Z",
			"in America/Chicago, the first of its 2 time zones, and max_attempts_per_day is 1; the next date has begun in all of them at 2026-03-03T06:00:00Z"},
		"it never opens after that": {capped("Asia/Tokyo", day("2026-03-03"), func(q *inquest) { q.of.Schedule.EndAt = on("2026-03-03T10:00:00Z") }), "", inTokyo + ", but the schedule never opens after that."},
	} {
		t.Run(name, func(t *testing.T) { c.inquest.says(t, campaign.RuleDayCap, c.next, c.message) })
	}

	// Something else goes before it, and the cap is named all the same.
	ahead := capped("Asia/Tokyo", day("2026-03-03"), func(q *inquest) { q.of.Schedule.StartAt = on("2026-03-02T21:00:00Z") })
	ahead.says(t, campaign.RuleStartAhead, "2026-03-04T00:00:00Z", inTokyo)
	ahead.of.Status, ahead.of.Armed = campaign.StatusPending, true
	ahead.says(t, campaign.RuleStartAhead, "2026-03-04T00:00:00Z", inTokyo)

	yesterday := capped("Asia/Tokyo", day("2026-03-02"), own("America/New_York"))
	_, held := yesterday.explain()
	require.False(t, held, "in Tokyo that was yesterday")
}
