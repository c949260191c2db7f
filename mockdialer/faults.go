package mockdialer

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// faults is the plan in force, and those who wait because of it.
type faults struct {
	run atomic.Pointer[faultRun] // nil without a plan: all that a request then pays for

	halt   chan struct{} // closed by Stop
	halted sync.Once
}

// set puts a plan in force, and ends the waiting for the one before.
func (f *faults) set(p FaultPlan) *faultRun {
	var run *faultRun
	if !p.none() {
		run = newFaultRun(p)
	}
	if before := f.run.Swap(run); before != nil {
		close(before.lifted)
	}
	return run
}

// stop ends all waiting, for good.
func (f *faults) stop() { f.halted.Do(func() { close(f.halt) }) }

// pause waits for a time, or for done; it is false if the client left, the plan was
// lifted or the server stops before.
func (f *faults) pause(ctx context.Context, run *faultRun, d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	case <-ctx.Done():
		return false
	case <-run.lifted:
		return false
	case <-f.halt:
		return false
	}
	return true
}

// SetFaults puts a plan in force at once, in place of the one before; counts and
// times begin anew, and requests that hang are let go.  The zero plan lifts all
// faults.  An error is campaign.Errors with all that is wrong; then the plan before
// stays.
func (s *Server) SetFaults(p FaultPlan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	s.agenda.follow(s.faults.set(p))
	return nil
}

// Faults is the plan in force, with its defaults filled in.
func (s *Server) Faults() FaultPlan {
	if run := s.faults.run.Load(); run != nil {
		return run.plan
	}
	return FaultPlan{}
}

// spoil lets faults happen to a request that makes no call; it is true if that was
// the answer.  index is the call that is asked for, or noCall.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, of operation, number string, index int64) bool {
	run := s.faults.run.Load()
	if run == nil {
		return false
	}
	a := run.request(of, number)
	if a.faults == 0 {
		return false
	}
	s.book.strike(a.faults, index)
	s.answerLate(r, a)
	return s.answerWrong(w, r, a)
}

// noCall stands for the index of no call.
const noCall = -1

// spoilCreate lets faults happen to a create request; it is true if they kept it from
// becoming a call.
func (s *Server) spoilCreate(w http.ResponseWriter, r *http.Request, a *fate) bool {
	if !a.faults.undialed() {
		return false
	}
	s.book.strike(a.faults, noCall)
	s.answerLate(r, a)
	kind, _ := a.faults.ending()
	s.book.refuse(refusalCodes[faultTable[kind].manner])
	return s.answerWrong(w, r, a)
}

// refusalCodes are the dialect's codes for requests that make no call.  NoAnswerCode
// stands for those that have no answer at all.
var refusalCodes = map[manner]int{
	hangs: NoAnswerCode, fails: codeInternal, throttles: errCrowded.code, refusesCalls: errBusy.code,
}

// NoAnswerCode is what the summary counts create requests under that were neither
// answered nor made a call.
const NoAnswerCode = 0

// answerFaulty answers a create request whose call is made, in the way the plan wants
// it.  created is the true answer.
func (s *Server) answerFaulty(w http.ResponseWriter, r *http.Request, a *fate, index uint32, created []byte) {
	if a.first != nil {
		limit := a.run.plan.HangFor.pick(a.random(purposeWait))
		if s.faults.pause(r.Context(), a.run, limit, a.first) && closed(a.first) {
			s.book.strike(faultsOf(FaultCallbackFirst), int64(index))
		}
	}
	s.answerLate(r, a)
	if !s.answerWrong(w, r, a) {
		answer(w, http.StatusCreated, created)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// The purposes of random numbers, above those of operations.
const (
	purposeWait = 1<<16 + iota
	purposeSlow
)

// answerLate waits if the plan wants it.
func (s *Server) answerLate(r *http.Request, a *fate) {
	for f := range faultCount {
		if a.faults.has(f) && faultTable[f].manner == answersLate {
			s.faults.pause(r.Context(), a.run, a.run.plan.SlowFor.pick(a.random(purposeSlow)), nil)
		}
	}
}

// answerWrong answers in the true answer's place, or hangs; it is false if the plan
// wants neither.
func (s *Server) answerWrong(w http.ResponseWriter, r *http.Request, a *fate) bool {
	kind, ok := a.faults.ending()
	if !ok {
		return false
	}
	switch faultTable[kind].manner {
	case fails:
		s.fail(w, errFault)
	case throttles:
		w.Header().Set("Retry-After", strconv.Itoa(int(a.run.plan.RetryAfter/time.Second)))
		s.fail(w, errCrowded)
	case refusesCalls:
		s.fail(w, errBusy)
	case garbles:
		answer(w, http.StatusCreated, []byte(`{"sid": "CA`))
	case hangs:
		s.faults.pause(r.Context(), a.run, a.run.plan.HangFor.pick(a.random(purposeWait)), nil)
		// The way net/http provides for leaving a request without an answer.
		panic(http.ErrAbortHandler)
	}
	return true
}

// errFault is told on purpose, where a true error would be logged.
var errFault = &problem{http.StatusInternalServerError, codeInternal, "An internal server error has occurred"}
