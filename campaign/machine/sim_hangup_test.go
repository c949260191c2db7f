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
		w.saw("canceled in flight")
	}
	u.lastClaim[id] = c.Claim
}

// judgeCanceled holds a dial against what was answered to who canceled its call.  Who
// lost his owner asks again.
func (w *world) judgeCanceled(id campaign.AttemptID) {
	last, canceled := w.user.lastClaim[id.Call()]
	w.happyf(!canceled || !w.lasting || id.Claim() <= last, "a canceled call is dialled again: %v", id)
}
