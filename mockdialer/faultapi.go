package mockdialer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"dialtone/campaign"
)

// maxPlan bounds a plan, in bytes: scripts are long.
const maxPlan = 4 << 20

// routeFaults routes the plan.
func (s *Server) routeFaults(r chi.Router) {
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) { s.answerPlan(w) })
	r.Put("/", s.putFaults)
	r.Delete("/", func(w http.ResponseWriter, _ *http.Request) {
		s.agenda.follow(s.faults.set(FaultPlan{}))
		s.answerPlan(w)
	})
}

// putFaults takes a plan in place of the one before.
func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPlan))
	if err != nil {
		s.fail(w, invalid(20001, "The plan can't be read: %v", err))
		return
	}
	plan, err := ParseFaultPlan(text)
	if err != nil {
		s.failPlan(w, err)
		return
	}
	run := s.faults.set(plan)
	s.answerPlan(w)
	// An outage that begins now must not cut off its own answer.
	_ = http.NewResponseController(w).Flush()
	s.agenda.follow(run)
}

// answerPlan answers with the plan in force.  The length is given, so that the answer
// is whole once it is flushed.
func (s *Server) answerPlan(w http.ResponseWriter) {
	b, err := json.Marshal(s.Faults())
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	answer(w, http.StatusOK, b)
}

// failPlan tells every fault of a plan that is refused.
func (s *Server) failPlan(w http.ResponseWriter, err error) {
	type fault struct {
		Field   string `json:"field,omitempty"`
		Message string `json:"message"`
	}
	var all campaign.Errors
	if !errors.As(err, &all) {
		s.fail(w, err)
		return
	}
	out := struct {
		Code    int     `json:"code"`
		Message string  `json:"message"`
		Status  int     `json:"status"`
		Errors  []fault `json:"errors"`
	}{Code: 20001, Status: http.StatusBadRequest, Message: fmt.Sprintf("The plan is refused; the one before stays. Faults found: %d", len(all))}
	for _, e := range all {
		out.Errors = append(out.Errors, fault{e.Field, e.Message})
	}
	b, err := json.Marshal(out)
	if err != nil {
		s.fail(w, err)
		return
	}
	answer(w, http.StatusBadRequest, b)
}
