package api

import (
	"context"
	"fmt"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// CallExplanation is what holds a call back.
type CallExplanation struct {
	CallID     string `json:"call_id" example:"call_4711"`
	CampaignID string `json:"campaign_id" example:"cmp_42"`
	Status     string `json:"status" enum:"queued,in_progress,retry_wait,completed,failed,canceled" example:"retry_wait"`
	Explanation
}

func (a *API) explainCall(ctx context.Context, in *getCallInput) (*callExplanationOutput, error) {
	id, err := campaign.ParseCallID(in.ID)
	if err != nil {
		return nil, err
	}
	c, err := a.store.Call(ctx, id)
	if err != nil {
		return nil, err
	}
	of, err := a.store.Campaign(ctx, c.CampaignID)
	if err != nil {
		return nil, err
	}
	q := inquest{c, of, a.now()}
	e, held := q.explain()
	if !held {
		whole, err := a.askOwner(ctx, of.ID, explainBody{c.Phone, c.Provider})
		if err != nil {
			return nil, err
		}
		e = a.unlessGone(a.unlessUnavailable(ctx, behind(whole), a.servedBy(&c, &of)), &c)
		if e.Rule == campaign.RuleProviderUnavailable && !e.NextDialAt.IsZero() {
			e.NextDialAt = q.opensFrom(e.NextDialAt)
		}
	}
	return &callExplanationOutput{Body: CallExplanation{
		CallID: c.ID.String(), CampaignID: c.CampaignID.String(), Status: string(c.Status), Explanation: showRule(e),
	}}, nil
}

// behind is why a call that could be dialled is not: the campaign as a whole is
// held up, or others of it come first.
func behind(whole campaign.CampaignExplanation) campaign.Explanation {
	switch whole.Rule {
	case campaign.RuleLimitReached, campaign.RuleProviderTrouble, campaign.RuleWaitingForToken, campaign.RuleNoRoute:
		return whole.Explanation
	}
	return campaign.Explanation{Rule: campaign.RuleQueuedBehind, Message: fmt.Sprintf(
		"Nothing holds the call back but its turn; of its campaign, retries due: %d, calls queued: %d, in flight: %d of at most %d.",
		whole.DueRetries, whole.Stats.Queued, whole.InFlight, whole.MaxConcurrentCalls)}
}

// inquest looks for what holds a call back, in what the store knows of it.
type inquest struct {
	call campaign.Call
	of   campaign.Campaign
	now  time.Time
}

// explain is false where nothing holds the call back that concerns it alone.  The
// rules are in the order in which they would have to be lifted.
func (q inquest) explain() (campaign.Explanation, bool) {
	for _, rule := range []func(inquest) *campaign.Explanation{inquest.state, inquest.life, inquest.bounds, inquest.hours} {
		if e := rule(q); e != nil {
			return *e, true
		}
	}
	return campaign.Explanation{}, false
}

func because(rule campaign.Rule, next time.Time, format string, args ...any) *campaign.Explanation {
	return &campaign.Explanation{Rule: rule, Message: fmt.Sprintf(format, args...), NextDialAt: next}
}

// state is the call's own: it is over, or on its way.
func (q inquest) state() *campaign.Explanation {
	c := q.call
	switch {
	case c.Status == campaign.CallInProgress:
		return because(campaign.RuleInProgress, time.Time{}, "%s", q.underWay())
	case !c.Status.Terminal():
		return nil
	case c.Reason != "":
		return because(campaign.RuleEnded, time.Time{}, "The call is %s, for the reason %s, after %s; it is not dialled again.", c.Status, c.Reason, attempts(c.Attempts))
	case len(c.History) > 0:
		last := c.History[len(c.History)-1]
		return because(campaign.RuleEnded, time.Time{}, "The call is %s: its last attempt, number %d, ended as %s; it is not dialled again.", c.Status, c.Attempts, last.Disposition)
	}
	return because(campaign.RuleEnded, time.Time{}, "The call is %s; it is not dialled again.", c.Status)
}

// underWay says how far the present attempt is.  One that is claimed has no row yet.
func (q inquest) underWay() string {
	c := q.call
	if n := len(c.History); n > 0 && c.History[n-1].ID.Claim() == c.Claim {
		at := c.History[n-1]
		return fmt.Sprintf("The call is in progress: attempt %d, begun at %s with %s, is %s.", at.Number, rfc(at.StartedAt), at.Provider, at.State)
	}
	return fmt.Sprintf("The call is in progress: attempt %d is claimed, and a caller is about to place it.", c.Attempts+1)
}

// life is the campaign's: only one in progress dials.
func (q inquest) life() *campaign.Explanation {
	id, ended, end := q.of.ID, q.of.Schedule.Ended(q.now), rfc(q.of.Schedule.EndAt)
	switch s := q.of.Status; {
	case s == campaign.StatusPending && q.of.Armed:
		return q.armed()
	case s == campaign.StatusPending && ended:
		return because(campaign.RuleExpired, time.Time{}, "The campaign %v has not been started, and its schedule ended at %s, so that it can't start any more; give the schedule a later end_at.", id, end)
	case s == campaign.StatusPending:
		return because(campaign.RuleNotStarted, time.Time{}, "The campaign %v has not been started; start it with POST /v1/campaigns/%v/start.", id, id)
	case s == campaign.StatusPaused && ended:
		return because(campaign.RulePaused, time.Time{}, "The campaign %v is paused, and its schedule ended at %s: resuming it closes what is left as failed, for the reason expired. Give the schedule a later end_at first.", id, end)
	case s == campaign.StatusPaused:
		return because(campaign.RulePaused, time.Time{}, "The campaign %v is paused; resume it with POST /v1/campaigns/%v/resume.", id, id)
	case s.Ended():
		return because(campaign.RuleEnded, time.Time{}, "The campaign %v is %s, and the call will be ended with it.", id, s)
	}
	return nil
}

// armed is a started campaign's that is still pending.  One whose start was moved to
// the past is begun by its owner at once.
func (q inquest) armed() *campaign.Explanation {
	start := q.of.Schedule.StartAt
	if !start.After(q.now) {
		return because(campaign.RuleStartAhead, q.opensFrom(q.now), "The campaign %v is started and is about to begin.", q.of.ID)
	}
	return because(campaign.RuleStartAhead, q.opensFrom(start), "The campaign %v is started and waits for its start_at, %s.%s", q.of.ID, rfc(start), q.besides())
}

// bounds are the schedule's start and end.
func (q inquest) bounds() *campaign.Explanation {
	s := q.of.Schedule
	switch {
	case s.Ended(q.now):
		return because(campaign.RuleExpired, time.Time{}, "The schedule ended at %s; the call will be ended as failed, for the reason expired.", rfc(s.EndAt))
	case q.now.Before(s.StartAt):
		return because(campaign.RuleStartAhead, q.opensFrom(s.StartAt), "The schedule starts at %s.%s", rfc(s.StartAt), q.besides())
	}
	return nil
}

// hours are the windows and what bounds retries: the day's number of attempts and
// the delay.
func (q inquest) hours() *campaign.Explanation {
	cal, err := hours.Of(q.of.Settings, q.call.Zones)
	if err != nil {
		return because(campaign.RuleOutsideHours, time.Time{},
			"The schedule goes by the contact's time zone, and for this number none is known; set the campaign's default_time_zone.%s", q.besides())
	}
	if spent, lifts, capped := q.dayCap(); capped {
		next, _ := cal.NextOpen(q.soonest())
		return because(campaign.RuleDayCap, next, "%s%s.", spent, thenOpens(next, lifts))
	}
	if due := q.call.NextAttemptAt; q.now.Before(due) {
		next, _ := cal.NextOpen(due)
		return because(campaign.RuleRetryNotDue, next, "The call is dialled again from %s on%s; it has had %s.", rfc(due), thenOpens(next, due), attempts(q.call.Attempts))
	}
	if cal.Open(q.now) {
		return nil
	}
	if next, ok := cal.NextOpen(q.now); ok {
		return because(campaign.RuleOutsideHours, next, "The schedule is closed%s until %s.", q.where(), rfc(next))
	}
	return because(campaign.RuleOutsideHours, time.Time{}, "The schedule is closed%s and never opens again; change it to have the call dialled.", q.where())
}

// dayCap is reached when the date has had its number of attempts: the date where the
// number is, which need not be that of the schedule.  It says so, and when the next
// date has begun there.
func (q inquest) dayCap() (spent string, lifts time.Time, reached bool) {
	clock := hours.Clock(q.of.Settings, q.call.Zones)
	most, had := q.of.Retry.MaxAttemptsPerDay, q.call.On(clock.Day(q.now))
	if most == 0 || had < most {
		return "", time.Time{}, false
	}
	where, there := clock.Zones()[0], "there"
	if n := len(clock.Zones()); n > 1 {
		where, there = fmt.Sprintf("%s, the first of its %d time zones", where, n), "in all of them"
	}
	lifts = clock.NextDay(q.now)
	return fmt.Sprintf("The number has had %s today by the date in %s, and max_attempts_per_day is %d; the next date has begun %s at %s",
		attempts(had), where, most, there, rfc(lifts)), lifts, true
}

// besides adds the day's number of attempts, if it is used up, where something else
// goes before it.
func (q inquest) besides() string {
	if spent, _, reached := q.dayCap(); reached {
		return " " + spent + "."
	}
	return ""
}

// soonest is when the call could be dialled if the schedule let it.
func (q inquest) soonest() time.Time {
	_, lifts, _ := q.dayCap()
	return latest(latest(q.now, lifts), q.call.NextAttemptAt)
}

// opensFrom is the first time from t on at which the schedule lets the call be
// dialled; zero is never.
func (q inquest) opensFrom(t time.Time) time.Time {
	return nextOpen(q.of.Settings, q.call.Zones, latest(t, q.soonest()))
}

// where names the zones by whose clock a schedule per contact goes.
func (q inquest) where() string {
	names := q.call.Zones.Names()
	switch {
	case !q.of.Schedule.PerContact():
		return ""
	case len(names) == 0:
		return " in " + q.of.DefaultTimeZone + ", the campaign's default time zone,"
	case len(names) == 1:
		return " in " + names[0]
	}
	return fmt.Sprintf(" in one at least of the %d time zones in which the number may be", len(names))
}

// thenOpens adds when the schedule lets a due retry go.
func thenOpens(next, due time.Time) string {
	switch {
	case next.IsZero():
		return ", but the schedule never opens after that"
	case next.After(due):
		return ", and the schedule opens at " + rfc(next)
	}
	return ""
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
