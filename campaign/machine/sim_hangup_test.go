package machine_test

import (
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// cancelCall asks for some call to be canceled, which may be in any state, or none.
func (u *user) cancelCall() {
	w := u.w
	if w.owner.dead {
		return
	}
	w.saw("user: cancel_call")
	id := campaign.CallID(1 + w.pick.below(int(w.store.nextID)+2))
	u.ask(machine.Command{Verb: machine.CancelCall, Call: id})
}

// hangUp is a caller who ends a call, if it is up.
func (w *world) hangUp(d *delivery) {
	if w.chance(w.faults.settleFails) {
		w.saw("hang-up failed")
		d.ack()
		return
	}
	j := d.job
	c := w.provider.fetch(j.ProviderCallID)
	w.happyf(c != nil && c.attempt == j.Attempt, "what is hung up is a call that the provider has: %+v", j)
	w.happyf(w.user.wished[j.Attempt.Call()] || w.user.hungUp, "a call is hung up only on request: %v", j.Attempt)
	w.step(func() {
		if c.endedAt.IsZero() {
			w.saw("hung up")
			w.provider.end(c)
		}
		d.ack()
	})
}

// canceledCall hears the answer to a cancel_call.
func (u *user) canceledCall(req *request, err *campaign.Error) {
	w, id := u.w, req.call
	c := w.store.call(id)
	if err != nil {
		w.happyf(c == nil && err.Code == campaign.CodeNotFound, "a call that there is is canceled: %v", err)
		w.saw("no call to cancel")
		return
	}
	w.happyf(c != nil, "what is canceled is a call: %v", id)
	if !c.Status.Terminal() {
		w.happyf(c.Status == campaign.CallInProgress, "a call that waits is canceled when it is answered: %v is %s", id, c.Status)
		w.happyf(c.Reason == campaign.ReasonCanceled, "TruthInStore: that %v is to be canceled is on record", id)
		w.saw("canceled in flight")
		u.caught[id] = true
	}
	u.lastClaim[id] = c.Claim
}

// judgeCanceled holds a dial against what was answered to who canceled its call, whoever
// its owner is by now.
func (w *world) judgeCanceled(id campaign.AttemptID) {
	last, canceled := w.user.lastClaim[id.Call()]
	w.happyf(!canceled || id.Claim() <= last, "a canceled call is dialled again: %v", id)
}

// judgeCaught holds the end of a call against what was answered while it was in flight.
func (w *world) judgeCaught(c *campaign.Call) {
	w.happyf(c.Status != campaign.CallCompleted || c.Reason == "", "a completed call has no reason: %v, %s", c.ID, c.Reason)
	if w.user.caught[c.ID] {
		w.happyf(c.Status == campaign.CallCompleted || c.Status == campaign.CallCanceled && c.Reason == campaign.ReasonCanceled,
			"a call that was canceled in flight ends so, unless completed: %v is %s %s", c.ID, c.Status, c.Reason)
	}
}

// takeUp notes the calls of which a new owner learns from the store alone that they were
// canceled.
func (w *world) takeUp(open []machine.Open) {
	for _, o := range open {
		if o.Call.Status == campaign.CallInProgress && o.Call.Reason == campaign.ReasonCanceled {
			w.saw("canceled in flight, then taken over")
		}
	}
}
