package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"dialtone/actors/clerk"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// The actions that an owner answers on campaign.<id>.<action>.
const (
	ActionStart      = string(machine.Start)
	ActionPause      = string(machine.Pause)
	ActionResume     = string(machine.Resume)
	ActionCancel     = string(machine.Cancel)     // its body is a CancelBody
	ActionCancelCall = string(machine.CancelCall) // its body is a CancelCallBody
	ActionStats      = "stats"
	ActionExplain    = "explain" // what holds back the next dial; its body is an ExplainBody
	ActionRefresh    = "refresh" // the settings changed, or there are new contacts
)

var actions = []string{ActionStart, ActionPause, ActionResume, ActionCancel, ActionCancelCall, ActionStats, ActionExplain, ActionRefresh}

// CancelBody is what may be said with a cancel; no body is the zero value.
type CancelBody struct {
	// HangUp: end what is up as well.
	HangUp bool `json:"hangup"`
}

// CancelCallBody says which call is to be canceled.
type CancelCallBody struct {
	Call campaign.CallID `json:"call"`
}

// ExplainBody asks about a call that waits; none is about the campaign as a whole.
type ExplainBody struct {
	To string `json:"to,omitempty"`
	// Provider is the only one that may place it; "" is any.
	Provider string `json:"provider,omitempty"`
}

// readBody reads a request's body, if it has one.  What it does not know it refuses: who
// sent it meant something by it.
func readBody(r *bus.Request, into any) *campaign.Error {
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("something follows the object")
	}
	if err != nil {
		return campaign.Invalid("", "The body of %s can't be read: %v.", r.Action, err)
	}
	return nil
}

// commandOf reads a request as what the machine is asked for.
func commandOf(r *bus.Request) (machine.Command, *campaign.Error) {
	c := machine.Command{Verb: machine.Verb(r.Action)}
	switch c.Verb {
	case machine.Cancel:
		var body CancelBody
		err := readBody(r, &body)
		c.HangUp = body.HangUp
		return c, err
	case machine.CancelCall:
		var body CancelCallBody
		err := readBody(r, &body)
		if err == nil && body.Call == 0 {
			err = campaign.Invalid("call", "Say which call is to be canceled, like {\"call\": \"call_42\"}.")
		}
		c.Call = body.Call
		return c, err
	}
	return c, nil
}

// State is the answer to every action but explain and refresh.
type State = clerk.State

// asked takes in a command or a poke.
func (a *actor) asked(ctx context.Context, r *bus.Request) {
	switch r.Action {
	case ActionRefresh:
		a.clerk.Refresh()
		r.Reply(nil)
	case ActionExplain:
		a.explain(ctx, r)
	default:
		if !r.Asked() {
			a.log.Warn("a command that waits for no answer is passed over; send it as a request", "action", r.Action)
			return
		}
		c, err := commandOf(r)
		if err != nil {
			r.Fail(err)
			return
		}
		a.clerk.Take(clerk.Asked{Command: c, Request: r})
	}
}

// explain answers what holds the campaign back, once the store has told in which of the
// closed zones calls wait.
func (a *actor) explain(ctx context.Context, r *bus.Request) {
	e := explained{request: r}
	if err := readBody(r, &e.what); err != nil {
		r.Fail(err)
		return
	}
	unread := a.clerk.Mind().Unread()
	if len(unread) == 0 {
		a.tell(&e)
		return
	}
	a.read(ctx, func() {
		for _, l := range unread {
			if found, err := a.store.Queued(ctx, a.id, l.Zone, l.After, l.Limit); err == nil && len(found) == 0 {
				e.empty = append(e.empty, l.Zone)
			}
		}
		if !a.box.post(e) {
			r.Again()
		}
	})
}

// tell answers a request for an explanation.
func (a *actor) tell(e *explained) {
	if e.what.To == "" {
		e.request.Reply(a.clerk.Mind().Explain(time.Now(), e.empty))
		return
	}
	e.request.Reply(a.clerk.Mind().ExplainCall(time.Now(), e.what.To, e.what.Provider, e.empty))
}

// statsPatience bounds the read behind a stats request.
const statsPatience = 5 * time.Second

// answerStats reads the store, which alone knows, and for every campaign,
// whether it has an actor or not.
func (rt *runtime) answerStats(end context.Context, r *bus.Request) {
	begun := rt.read(end, func() {
		ctx, cancel := context.WithTimeout(end, statsPatience)
		defer cancel()
		c, err := rt.store.Campaign(ctx, r.Campaign)
		switch {
		case err == nil:
			r.Reply(clerk.StateOf(c))
		case end.Err() != nil:
			r.Again() // of a node that stays
		case campaign.CodeOf(err) == campaign.CodeInternal:
			r.Fail(campaign.Unavailable("The statistics can't be read at the moment; try again."))
		default:
			r.Fail(err)
		}
	})
	if !begun {
		r.Again()
	}
}

// refuse answers what came for a campaign that can't be served.  A report about
// it is acknowledged: nobody will ever want it.
func refuse(m any, err error) {
	switch m := m.(type) {
	case bus.ReportDelivery:
		_ = m.Ack() // a lost one comes again, and is acknowledged again
	case *bus.Request:
		m.Fail(err)
	case explained:
		m.request.Fail(err)
	}
}
