package machine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden traces anew")

// trace is the life of a call, as a text that people can read.
type trace struct {
	*script
	strings.Builder
}

// tell writes what happened and, below it, what the machine wants to be done.
func (tr *trace) tell(what string) {
	fmt.Fprintf(tr, "%8v  %s\n", tr.now.Sub(nine), what)
	line := func(format string, args ...any) { fmt.Fprintf(tr, "            "+format+"\n", args...) }
	o := &tr.out
	for _, s := range o.Status {
		line("commit: status %v → %s, drained %v", s.From, s.To, s.Drained)
	}
	for _, c := range o.Claims {
		line("commit: claim %d of call %d", c.Attempt.Claim(), c.Attempt.Call())
	}
	for _, r := range o.Records {
		line("commit: %s", recordText(r))
	}
	if e := o.EndWaiting; e != nil {
		line("commit: end up to %d waiting calls of the campaign %s", e.Limit, e.Status)
	}
	if o.Load != nil {
		line("read: %d queued calls after %d", o.Load.Limit, o.Load.After)
	}
	if o.Refresh {
		line("read: the campaign")
	}
	for _, j := range o.Publish {
		line("publish: %s claim %d of call %d, attempt %d, to %s at %s", j.Kind, j.Attempt.Claim(), j.Attempt.Call(), j.Number, j.To, j.Provider)
	}
	for _, r := range o.Acks {
		line("acknowledge: %v", r)
	}
	for _, p := range o.Progress {
		if p.Outcome != "" {
			line("outcome: token %d, %s", p.Token.ID, p.Outcome)
		}
	}
	for _, r := range o.Releases {
		line("release: token %d after %v%s", r.Token.ID, r.Held, outcomeText(r.Outcome))
	}
	for _, r := range o.Replies {
		line("reply: %v", r.Ref)
	}
	for _, e := range o.Events {
		line("event: %s", e.Type)
	}
	if o.Retire {
		line("retire")
	}
}

func outcomeText(o campaign.Outcome) string {
	if o == "" {
		return ""
	}
	return ", " + string(o)
}

func recordText(r machine.Record) string {
	kind := [...]string{"placed", "ambiguous", "finish", "give back", "cancel"}[r.Kind]
	parts := []string{kind, fmt.Sprintf("claim %d of call %d", r.Attempt.Claim(), r.Attempt.Call())}
	for _, p := range []string{r.ProviderCallID, string(r.Disposition), r.Detail, r.Reason} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if r.Next != "" {
		parts = append(parts, "→ "+string(r.Next))
	}
	if !r.NextAttemptAt.IsZero() {
		parts = append(parts, fmt.Sprintf("at %v", r.NextAttemptAt.Sub(nine)))
	}
	return strings.Join(parts, ", ")
}

func (tr *trace) committed(attempts int) {
	tr.answer(attempts)
	tr.tell("committed")
}

func (tr *trace) golden(name string) {
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(tr.script, os.WriteFile(path, []byte(tr.Builder.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(tr.script, err, "write it with -update")
	require.Equal(tr.script, string(want), tr.Builder.String())
}

// started is a campaign of one call, started and with a token.
func started(t *testing.T) *trace {
	c := aCampaign(campaign.StatusPending, 2)
	c.Retry.SettleWithin = campaign.Duration(10 * time.Minute)
	tr := &trace{script: begin(t, machine.Config{}, c)}
	tr.tell("built from the store")
	tr.command(machine.Start)
	tr.tell("command: start")
	tr.committed(0)
	tr.do(machine.Page{Calls: waitings(1, 1), Last: true})
	tr.tell("page: call 1")
	tr.now = nine.Add(200 * time.Millisecond)
	tr.grant(2)
	tr.tell("granted: 2 tokens")
	tr.committed(0)
	return tr
}

func (tr *trace) hear(at time.Duration, kind campaign.ReportKind, id campaign.AttemptID, more ...func(*campaign.Report)) {
	tr.now = nine.Add(at)
	more = append(more, func(r *campaign.Report) { r.At = tr.now })
	tr.say(kind, id, more...)
	tr.tell("report: " + string(kind))
}

func (tr *trace) tick(at time.Duration) {
	tr.script.at(at)
	tr.tell("tick")
}

// TestTheLifeOfACall: busy, dialled again, completed; the campaign ends with it.
func TestTheLifeOfACall(t *testing.T) {
	tr := started(t)
	tr.hear(time.Second, campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	tr.committed(0)
	tr.hear(9*time.Second, campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy), as("CA1"))
	tr.committed(0)
	tr.tick(69 * time.Second)
	tr.grant(1)
	tr.tell("granted: a token")
	tr.committed(1)
	tr.hear(70*time.Second, campaign.ReportPlaced, attempt(1, 2), as("CA2"))
	tr.committed(1)
	tr.hear(100*time.Second, campaign.ReportEnded, attempt(1, 2), with(campaign.DispositionCompleted), as("CA2"))
	tr.committed(1)
	tr.committed(1)
	tr.golden("life")
}

// TestTheLifeOfACallInDoubt: no report comes of placing it; the provider is asked
// and has it; its callback is lost as well.
func TestTheLifeOfACallInDoubt(t *testing.T) {
	tr := started(t)
	tr.tick(16 * time.Second)
	tr.hear(17*time.Second, campaign.ReportTaken, attempt(1, 1))
	tr.tick(33 * time.Second)
	tr.committed(0)
	tr.tick(34 * time.Second)
	tr.hear(35*time.Second, campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	tr.committed(0)
	tr.tick(160 * time.Second)
	tr.hear(161*time.Second, campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionNoAnswer), as("CA1"))
	tr.command(machine.Cancel)
	tr.tell("command: cancel")
	tr.out.Records = []machine.Record{{
		Kind: machine.RecordFinish, Attempt: attempt(1, 1), Disposition: campaign.DispositionNoAnswer,
		Next: campaign.CallRetryWait, NextAttemptAt: nine.Add(221 * time.Second),
	}}
	tr.committed(0)
	tr.committed(0)
	tr.golden("doubt")
}

// TestTheLifeOfACallThatIsCanceled: it is just being placed, so it is hung up once it is
// up, and again when nothing is heard of that; its end is its cancellation.
func TestTheLifeOfACallThatIsCanceled(t *testing.T) {
	tr := started(t)
	tr.hear(time.Second, campaign.ReportTaken, attempt(1, 1))
	tr.now = nine.Add(2 * time.Second)
	tr.cancelCall(1)
	tr.tell("command: cancel call 1")
	tr.mark(1)
	tr.tell("committed")
	tr.hear(3*time.Second, campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	tr.committed(0)
	tr.tick(18 * time.Second)
	tr.hear(20*time.Second, campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionNoAnswer), as("CA1"))
	tr.committed(0)
	tr.golden("canceled")
}

// TestTheLifeOfACallThatIsLost: its provider does not answer, whatever is asked.
func TestTheLifeOfACallThatIsLost(t *testing.T) {
	tr := started(t)
	tr.hear(10*time.Second, campaign.ReportAmbiguous, attempt(1, 1))
	tr.committed(0)
	for _, at := range []time.Duration{25, 55, 115, 235, 475} {
		tr.tick(at * time.Second)
		tr.hear((at+1)*time.Second, campaign.ReportAmbiguous, attempt(1, 1))
	}
	tr.tick(610 * time.Second)
	tr.committed(0)
	tr.golden("lost")
}
