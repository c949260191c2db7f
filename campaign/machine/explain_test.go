package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// Explain names the rule that holds back, and when the next call can be made.
func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		rule campaign.Rule
		next time.Time
		make func() *script
	}{
		"not started": {campaign.RuleNotStarted, time.Time{}, func() *script {
			return begin(t, machine.Config{}, aCampaign(campaign.StatusPending, 5))
		}},
		"paused": {campaign.RulePaused, time.Time{}, func() *script {
			return begin(t, machine.Config{}, aCampaign(campaign.StatusPaused, 5))
		}},
		"over": {campaign.RuleEnded, time.Time{}, func() *script {
			return begin(t, machine.Config{}, aCampaign(campaign.StatusFailed, 5))
		}},
		"expired": {campaign.RuleExpired, time.Time{}, func() *script {
			return scheduled(t, nine, campaign.Schedule{EndAt: nine}, 2)
		}},
		"closed": {campaign.RuleOutsideHours, utc(3, 9, 0), func() *script {
			return scheduled(t, utc(2, 18, 0), officeHours("UTC"), 2)
		}},
		"its start was moved": {campaign.RuleStartAhead, utc(4, 0, 0), func() *script {
			return scheduled(t, nine, campaign.Schedule{StartAt: utc(4, 0, 0)}, 2)
		}},
		"the limit": {campaign.RuleLimitReached, time.Time{}, func() *script { return running(t, 1, 2).dialling(1) }},
		"tokens":    {campaign.RuleWaitingForToken, nine, func() *script { return running(t, 5, 2) }},
		"a retry": {campaign.RuleRetryNotDue, nine.Add(time.Minute), func() *script {
			s := running(t, 5, 1).up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.answer(0)
			return s
		}},
		"a retry due after hours": {campaign.RuleOutsideHours, utc(3, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 1).up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.answer(0)
			s.c.Stats = campaign.Stats{Total: 1, RetryWait: 1}
			s.pass(2 * time.Minute)
			return s
		}},
		"a retry due in the next hours but one": {campaign.RuleRetryNotDue, utc(4, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 1)
			s.c.Retry.Delay = campaign.Duration(25 * time.Hour)
			s.do(machine.Refreshed{Campaign: s.c})
			s.up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.c.Stats = campaign.Stats{Total: 1, RetryWait: 1}
			s.answer(0)
			s.pass(2 * time.Minute)
			return s
		}},
		"a retry that was not dialled while it could be": {campaign.RuleOutsideHours, utc(3, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 58), officeHours("UTC"), 1).up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.c.Stats = campaign.Stats{Total: 1, RetryWait: 1}
			s.answer(0)
			s.pass(time.Hour)
			return s
		}},
		"a retry due when it will be closed": {campaign.RuleRetryNotDue, utc(3, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 1).up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.c.Stats = campaign.Stats{Total: 1, RetryWait: 1}
			s.answer(0)
			s.pass(30 * time.Second)
			return s
		}},
		"a retry due after the end": {campaign.RuleRetryNotDue, time.Time{}, func() *script {
			s := scheduled(t, utc(2, 16, 0), campaign.Schedule{EndAt: utc(2, 16, 0).Add(40 * time.Second)}, 1).up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.c.Stats = campaign.Stats{Total: 1, RetryWait: 1}
			s.answer(0)
			return s
		}},
		"closed, with as many up as may be": {campaign.RuleOutsideHours, utc(3, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 9).up(5)
			s.pass(time.Minute)
			return s
		}},
		"nobody is left, with as many up as may be": {campaign.RuleNoContactsLeft, time.Time{}, func() *script {
			return running(t, 1, 1).up(1)
		}},
		"not started, and over": {campaign.RuleExpired, time.Time{}, func() *script {
			c := aCampaign(campaign.StatusPending, 5)
			c.Schedule.EndAt = nine
			return begin(t, machine.Config{}, c)
		}},
		"the provider": {campaign.RuleProviderTrouble, nine.Add(500 * time.Millisecond), func() *script {
			s := running(t, 5, 2).dialling(1)
			s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackProvider))
			s.answer(0)
			return s
		}},
		"the provider, and nobody else is left": {campaign.RuleProviderTrouble, nine.Add(500 * time.Millisecond), func() *script {
			s := running(t, 5, 1).dialling(1)
			s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackProvider))
			s.answer(0)
			return s
		}},
		"the last moments of the hours": {campaign.RuleOutsideHours, utc(3, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 2)
			s.pass(59 * time.Second)
			return s
		}},
		"a retry due in the last moments of the hours": {campaign.RuleRetryNotDue, utc(3, 9, 0), func() *script {
			s := scheduled(t, utc(2, 16, 58).Add(59*time.Second), officeHours("UTC"), 1).up(1)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
			s.c.Stats = campaign.Stats{Total: 1, RetryWait: 1}
			s.answer(0)
			return s
		}},
		"nobody is left": {campaign.RuleNoContactsLeft, time.Time{}, func() *script { return running(t, 5, 1).up(1) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.make()
			got := s.m.Explain(s.now, nil)
			require.Equal(t, c.rule, got.Rule, got.Message)
			require.Equal(t, c.next, got.NextDialAt, got.Message)
			require.NotEmpty(t, got.Message)
		})
	}
}

// What the store knows of zones that have not been read decides which opening counts.
func TestExplainOfUnreadZones(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Schedule, c.Stats = officeHours(campaign.ZoneOfContact), campaign.Stats{Total: 9, Queued: 3, Completed: 6}
	s := &script{T: t, now: utc(2, 1, 0), c: c}
	s.m = machine.New(machine.Config{}, c, []machine.Zone{newYork, kolkata}, nil, s.now, &s.out)
	require.ElementsMatch(t, []machine.Load{{Zone: newYork.ID, Limit: 1}, {Zone: kolkata.ID, Limit: 1}}, s.m.Unread())
	require.Equal(t, utc(2, 3, 30), s.m.Explain(s.now, nil).NextDialAt)
	require.Equal(t, utc(2, 14, 0), s.m.Explain(s.now, []campaign.ZoneID{kolkata.ID}).NextDialAt)

	s.m = machine.New(machine.Config{}, c, []machine.Zone{{}, newYork}, nil, s.now, &s.out)
	require.Equal(t, utc(2, 14, 0), s.m.Explain(s.now, nil).NextDialAt, "the others never open")
}

// A zone with a retry at hand may have queued calls too, or not: that is looked up as
// well.
func TestExplainOfARetryInAZoneReadAnew(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Schedule, c.Stats = officeHours(campaign.ZoneOfContact), campaign.Stats{Total: 2, Queued: 1, RetryWait: 1}
	retry := machine.Open{Call: campaign.Call{ID: 3, Status: campaign.CallRetryWait, Claim: 1, Zone: kolkata.ID, NextAttemptAt: utc(2, 11, 0)}}
	s := &script{T: t, now: utc(2, 1, 0), c: c}
	s.m = machine.New(machine.Config{}, c, []machine.Zone{newYork, kolkata}, []machine.Open{retry}, s.now, &s.out)
	require.Len(t, s.m.Unread(), 2)
	require.Equal(t, utc(2, 3, 30), s.m.Explain(s.now, nil).NextDialAt, "as far as is known")
	require.Equal(t, utc(2, 11, 0), s.m.Explain(s.now, []campaign.ZoneID{kolkata.ID}).NextDialAt)
}
