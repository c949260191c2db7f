package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// The actions that an owner answers on campaign.<id>.<action>.
const (
	ActionStart   = string(machine.Start)
	ActionPause   = string(machine.Pause)
	ActionResume  = string(machine.Resume)
	ActionCancel  = string(machine.Cancel)
	ActionStats   = "stats"
	ActionExplain = "explain" // what holds back the next dial
	ActionRefresh = "refresh" // the settings changed, or there are new contacts
)

var actions = []string{ActionStart, ActionPause, ActionResume, ActionCancel, ActionStats, ActionExplain, ActionRefresh}

// Explain is the body of an explain that concerns a call that waits; none is about the
// campaign as a whole.
type Explain struct {
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
	if err := d.Decode(into); err != nil {
		return campaign.Invalid("", "The body of %s can't be read: %v.", r.Action, err)
	}
	return nil
}

// State is the answer to every action but explain and refresh.
type State struct {
	ID     campaign.ID     `json:"id"`
	Name   string          `json:"name"`
	Status campaign.Status `json:"status"`
	Stats  campaign.Stats  `json:"stats"`
}

func stateOf(c campaign.Campaign) State {
	return State{ID: c.ID, Name: c.Name, Status: c.Status, Stats: c.Stats}
}

// statsPatience bounds the read behind a stats request.
const statsPatience = 5 * time.Second

// answerStats reads the store, which alone knows, and for every campaign,
// whether it has an actor or not.
func (rt *runtime) answerStats(ctx context.Context, r *bus.Request) {
	rt.read(ctx, func() {
		ctx, cancel := context.WithTimeout(ctx, statsPatience)
		defer cancel()
		c, err := rt.store.Campaign(ctx, r.Campaign)
		switch {
		case err == nil:
			r.Reply(stateOf(c))
		case campaign.CodeOf(err) == campaign.CodeInternal:
			r.Fail(campaign.Unavailable("The statistics can't be read at the moment; try again."))
		default:
			r.Fail(err)
		}
	})
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

// naked is how soon a report comes again that was given back.
const naked = 100 * time.Millisecond

// giveBack lets a report come again soon, to whoever owns the partition then.
func giveBack(d bus.ReportDelivery) {
	_ = d.Nak(naked) // if that is lost, it comes after the ack wait
}
