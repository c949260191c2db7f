package mockdialer

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
)

const apiPrefix = "/2010-04-01/"

// Handler serves the API and the ledger.  Callbacks go out and calls end only
// between Start and Stop.
func (s *Server) Handler() http.Handler { return s.handler }

// newHandler puts the layers together: the bound on requests, authentication, then
// the resources, which know what a fault goes by.
func (s *Server) newHandler() http.Handler {
	api := s.bounded(http.HandlerFunc(s.serveAPI))
	others := chi.NewRouter()
	others.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []byte(`{"status":"ok"}`)) })
	others.With(s.nearOnly).Get("/ledger", s.serveLedger)
	others.With(s.nearOnly).Get("/ledger/summary", s.serveSummary)
	others.With(s.nearOnly).Route("/faults", s.routeFaults)
	others.NotFound(func(w http.ResponseWriter, r *http.Request) { s.fail(w, notFound(r.URL.Path)) })
	others.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) { s.fail(w, errMethod) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, apiPrefix) {
			api.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// newResources routes the account's resources.
func (s *Server) newResources() http.Handler {
	r := chi.NewRouter()
	r.Route(s.accountPath, func(r chi.Router) {
		r.Post("/Calls.json", s.create)
		r.Get("/Calls.json", s.list)
		r.Get("/Calls/{sid}.json", s.fetch)
		r.Post("/Calls/{sid}.json", s.update)
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, notFound(r.URL.Path)) })
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) { s.fail(w, errMethod) })
	return r
}

// bounded refuses requests beyond MaxConcurrentRequests.
func (s *Server) bounded(next http.Handler) http.Handler {
	limit := int64(s.config.MaxConcurrentRequests)
	if limit == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.requests.Add(-1)
		if s.requests.Add(1) > limit {
			s.refuse(w, r, errCrowded)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveAPI is what lies behind the bound on requests.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	if !s.authorized(r) {
		s.refuse(w, r, errUnauthorized)
		return
	}
	// Nearly every request is a create: it does not go through the router, which
	// makes a context and a copy of the request for each.
	if r.Method == http.MethodPost && r.URL.Path == s.createPath {
		s.create(w, r)
		return
	}
	s.resources.ServeHTTP(w, r)
}

func (s *Server) authorized(r *http.Request) bool {
	if given := r.Header["Authorization"]; len(given) == 1 && subtle.ConstantTimeCompare([]byte(given[0]), s.credentials) == 1 {
		return true
	}
	user, token, ok := r.BasicAuth() // the scheme may be written in small letters
	return ok && user == s.config.Account && subtle.ConstantTimeCompare([]byte(token), []byte(s.config.Token)) == 1
}

// refuse answers with an error, and counts it if the request was a create.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Calls.json") {
		s.book.refuse(p.code)
	}
	s.fail(w, p)
}

// nearOnly lets requests from the same machine through, and others with the
// account's credentials: the ledger is full of numbers.
func (s *Server) nearOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		from, err := netip.ParseAddr(host)
		if (err != nil || !from.Unmap().IsLoopback()) && !s.authorized(r) {
			s.fail(w, errUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// scratch is what a create request needs and the next one can use again.
type scratch struct {
	body  []byte
	out   []byte
	fired []job
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// create receives a call.
func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	var err error
	var form createForm
	if sc.body, err = readBody(r, sc.body); err == nil {
		err = form.parse(sc.body)
	} else {
		err = errBody
	}
	if err == nil {
		err = form.check()
	}
	if err != nil {
		s.refused(w, err)
		return
	}
	cuts := s.line.cuts.Load()
	asked := form.call()
	if run := s.faults.run.Load(); run != nil {
		if asked.suffer(run.request(ofCreate, string(form.to))); s.spoilCreate(w, r, asked.fate) {
			return
		}
	}
	index, c, fired, err := s.book.create(form.to, form.from, asked, sc.fired[:0])
	sc.fired = fired
	if err != nil {
		s.refused(w, err)
		return
	}
	// The answer tells of the queue even if the call is over already.
	queued := c
	queued.ended, queued.final = 0, Queued
	sc.out = s.appendCall(sc.out[:0], index, &queued, c.received-1)
	if c.fate == nil {
		answer(w, http.StatusCreated, sc.out)
		s.delivery.push(fired)
	} else {
		s.delivery.push(fired) // the answer may be long in coming
		s.answerFaulty(w, r, c.fate, index, sc.out)
	}
	clear(fired)
	if s.line.cuts.Load() != cuts {
		s.book.strike(faultsOf(FaultCut), int64(index))
	}
}

// refused answers a create request that became no call.
func (s *Server) refused(w http.ResponseWriter, err error) {
	s.book.refuse(codeOf(err))
	s.fail(w, err)
}
