package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"dialtone/campaign"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// ErrNotMine is what an endpoint of ServeRole returns to stay silent, because
// another node is the one to answer.
var ErrNotMine = errors.New("bus: another node answers this")

// ErrAgain is what it returns where nobody can answer at the moment: who asked asks again
// soon.
var ErrAgain = errors.New("bus: nobody can answer this at the moment")

// serviceVersion is that of the requests and answers, not of the program.
const serviceVersion = "1.0.0"

// Service is a running set of endpoints.
type Service interface {
	// Stop lets no request arrive any more.  Those handed out can still be
	// answered; what is a Later is waited for.  It may be called twice.
	Stop() error
}

// Request is a command for the owner of a campaign.
type Request struct {
	Campaign campaign.ID
	Action   string
	Body     []byte

	bus      *Bus
	reply    string
	answered atomic.Bool
}

// Asked reports whether somebody waits for the answer.  Who does not is a poke, or the
// answer to a question of somebody else's, sent here on purpose: NATS lets whoever may
// ask anything at all name any subject for the answer, whether or not it may publish
// there.  Answers wait for none themselves, so what changes something is done for
// those alone who do.
func (r *Request) Asked() bool { return r.reply != "" }

// Reply answers with v as JSON.  Reply or Fail, once, from any goroutine and
// any time later; what follows the first is ignored.
func (r *Request) Reply(v any) {
	data, err := marshalAnswer(v)
	if err != nil {
		r.Fail(fmt.Errorf("write the answer: %w", err))
		return
	}
	if r.first() {
		r.bus.answer(&nats.Msg{Subject: r.reply, Data: data})
	}
}

// Fail refuses.  A *campaign.Error and campaign.Errors arrive at the asker as they
// are, anything else
// as one with CodeInternal.
func (r *Request) Fail(err error) {
	if r.first() {
		r.bus.answer(refusal(r.reply, err))
	}
}

// headerAgain marks a refusal as one for a moment: whoever asks is to ask again.
const headerAgain = "Dialtone-Again"

// Again refuses for now, as the campaign is changing hands: who asked asks again soon, of
// the next owner.  What was asked must not have been done, or be harmless to do twice.
func (r *Request) Again() {
	if r.first() {
		r.bus.answer(again(r.reply, campaign.Unavailable("The campaign %v is changing hands; ask again.", r.Campaign)))
	}
}

// again is a refusal for the moment.
func again(subject string, err error) *nats.Msg {
	m := refusal(subject, err)
	m.Header.Set(headerAgain, "1")
	return m
}

// first is true once, and never for a poke, which waits for no answer.
func (r *Request) first() bool { return !r.answered.Swap(true) && r.reply != "" }

func (b *Bus) answer(m *nats.Msg) {
	if err := b.nc.PublishMsg(m); err != nil {
		b.log.Warn("an answer was lost", "error", err)
	}
}

func marshalAnswer(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return []byte("{}"), nil
	case json.RawMessage:
		return v, nil
	}
	return json.Marshal(v)
}

// refused is the body of a refusal: the first fault, and all of them where there are
// several.
type refused struct {
	campaign.Error
	Errors campaign.Errors `json:"errors,omitempty"`
}

// err is the error that was refused with.
func (r refused) err() error {
	faults := slices.DeleteFunc(r.Errors, func(e *campaign.Error) bool { return e == nil })
	if len(faults) > 1 {
		return faults
	}
	return &r.Error
}

// refusal is an error as the services API writes it, with what was refused as its
// body.
func refusal(subject string, err error) *nats.Msg {
	var many campaign.Errors
	one := &campaign.Error{Code: campaign.CodeInternal, Message: err.Error()}
	if errors.As(err, &one); errors.As(err, &many) && len(many) > 1 {
		err = many
	} else {
		many, err = nil, one
	}
	data, _ := json.Marshal(refused{*one, many}) // nothing but strings
	return &nats.Msg{Subject: subject, Data: data, Header: nats.Header{
		micro.ErrorHeader:     []string{oneLine(err.Error())},
		micro.ErrorCodeHeader: []string{string(one.Code)},
	}}
}

// oneLine makes a text fit for a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// ServeCampaigns answers the commands of those campaigns whose partition this
// node owns.  Every node hears every command and those that owns refuses are
// passed over in silence, so that there is no queue group to join and leave.
// A node that knows that nobody can answer at the moment owns as well, and says Again.
// handle does what changes something only when it is Asked.
// owns and handle are called one request of an action after the other, from the
// connection's goroutines, and must be fast: hand the request to a mailbox and
// reply later.
//
// Commands arrive through a mapping of the account,
//
//	campaign.*.*  ->  campaigns.{{partition(64,1)}}.{{wildcard(1)}}.{{wildcard(2)}}
//
// which the embedded server has and an external one needs in its nats.conf:
//
//	mappings = {
//	  "campaign.*.*": "campaigns.{{partition(64,1)}}.{{wildcard(1)}}.{{wildcard(2)}}"
//	}
//
// (inside the account's block where there are accounts).
func (b *Bus) ServeCampaigns(actions []string, owns func(partition int) bool, handle func(*Request)) (Service, error) {
	svc, err := b.addService(ServiceCampaigns, "Owners of campaigns: ask campaign.<id>.<action>.")
	if err != nil {
		return nil, err
	}
	for _, action := range actions {
		serve := func(r micro.Request) {
			partition, id, ok := parseOwned(r.Subject())
			if !ok || !owns(partition) {
				return
			}
			b.count.commandsServed.Add(1)
			handle(&Request{Campaign: id, Action: action, Body: r.Data(), bus: b, reply: r.Reply()})
		}
		err := svc.AddEndpoint(action, micro.HandlerFunc(serve),
			micro.WithEndpointSubject(subjectOwned(action)), micro.WithEndpointQueueGroupDisabled())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s: %w", action, err), svc.Stop())
		}
	}
	return &service{svc: svc}, nil
}

// Later is what an endpoint of ServeRole returns whose answer takes its time: it is
// worked out in a goroutine of the service, and the requests behind it are handed out
// meanwhile.  The service's Stop waits for it.
type Later func() (any, error)

// ServeRole answers <name>.<endpoint> for each endpoint.  With queue, one node
// of those that serve the role gets each request; without, all do, and those
// whose endpoint returns ErrNotMine stay silent.  Endpoints are called one
// request after the other, and should be fast or return a Later.  What waits for no
// answer is passed over, see Request.Asked.
func (b *Bus) ServeRole(name, description string, endpoints map[string]func(body []byte) (any, error), queue bool) (Service, error) {
	svc, err := b.addService(name, description)
	if err != nil {
		return nil, err
	}
	s := &service{svc: svc}
	for endpoint, f := range endpoints {
		opts := []micro.EndpointOpt{micro.WithEndpointSubject(SubjectRole(name, endpoint))}
		if !queue {
			opts = append(opts, micro.WithEndpointQueueGroupDisabled())
		}
		if err := svc.AddEndpoint(endpoint, b.roleHandler(s, f), opts...); err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s: %w", SubjectRole(name, endpoint), err), s.Stop())
		}
	}
	return s, nil
}

func (b *Bus) roleHandler(s *service, f func(body []byte) (any, error)) micro.HandlerFunc {
	return func(r micro.Request) {
		if r.Reply() == "" {
			return
		}
		v, err := f(r.Data())
		if rest, ok := v.(Later); ok && err == nil {
			reply := r.Reply()
			s.later(func() {
				v, err := rest()
				b.answerLater(reply, v, err)
			})
			return
		}
		b.answerRole(r, v, err)
	}
}

func (b *Bus) answerRole(r micro.Request, v any, err error) {
	if errors.Is(err, ErrNotMine) {
		return
	}
	if errors.Is(err, ErrAgain) {
		b.answer(again(r.Reply(), campaign.Unavailable("Nobody answers this at the moment; ask again.")))
		return
	}
	b.count.commandsServed.Add(1)
	data, e := marshalAnswer(v)
	if err = errors.Join(err, e); err != nil {
		m := refusal(r.Reply(), err)
		_ = r.Error(m.Header.Get(micro.ErrorCodeHeader), m.Header.Get(micro.ErrorHeader), m.Data) // told by the service's error handler
		return
	}
	_ = r.Respond(data) // likewise
}

// answerLater is answerRole when the service has done with the request, which is not to
// be touched any more: its Error would be read there meanwhile.
func (b *Bus) answerLater(reply string, v any, err error) {
	if errors.Is(err, ErrNotMine) || reply == "" {
		return
	}
	if errors.Is(err, ErrAgain) {
		b.answer(again(reply, campaign.Unavailable("Nobody answers this at the moment; ask again.")))
		return
	}
	b.count.commandsServed.Add(1)
	data, e := marshalAnswer(v)
	if err = errors.Join(err, e); err != nil {
		b.answer(refusal(reply, err))
		return
	}
	b.answer(&nats.Msg{Subject: reply, Data: data})
}

func (b *Bus) addService(name, description string) (micro.Service, error) {
	svc, err := micro.AddService(b.nc, micro.Config{
		Name: name, Version: serviceVersion, Description: description,
		Metadata: map[string]string{"node": b.cfg.Name},
		ErrorHandler: func(_ micro.Service, e *micro.NATSError) {
			b.log.Warn("service", "name", name, "subject", e.Subject, "error", e.Description)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", name, err)
	}
	return svc, nil
}

// service makes Stop fit to be called twice, and owns the goroutines of Later.
type service struct {
	svc  micro.Service
	once sync.Once
	err  error

	mu      sync.Mutex
	stopped bool
	run     sync.WaitGroup
}

func (s *service) Stop() error {
	s.once.Do(func() {
		s.err = s.svc.Stop()
		s.mu.Lock()
		s.stopped = true
		s.mu.Unlock()
	})
	s.run.Wait()
	return s.err
}

// later runs what takes its time.  A request that comes with the end is not answered:
// it is asked again of whoever serves then.
func (s *service) later(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.run.Go(f)
	}
}
