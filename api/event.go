package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"dialtone/campaign"
)

const (
	eventsPath = "/v1/campaigns/{id}/events"
	// slowClient is how long one write to a client may take before it is dropped.
	// It comes back with the Last-Event-ID and misses nothing that is still kept.
	slowClient = 10 * time.Second
	// endCheck is how often a stream until the end looks whether that was before
	// it began.
	endCheck = time.Second
	// eventsAhead is how many events may wait for the client.
	eventsAhead = 64
)

// streamEvent is one event on its way to a client.
type streamEvent struct {
	seq  uint64
	kind string
	json []byte
}

// eventStream is one client's stream. It belongs to the request's goroutine;
// the goroutine that watches the bus only feeds events.
type eventStream struct {
	api     *API
	id      campaign.ID
	w       http.ResponseWriter
	control *http.ResponseController
	events  chan streamEvent
	placed  chan struct{} // closed when no event is missed from here on
	until   bool          // the campaign's end ends the stream
	quiet   int           // checks that found the campaign ended, since the last event
}

func (a *API) events(w http.ResponseWriter, r *http.Request) {
	id, after, until, err := a.mayWatch(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if r.Method == http.MethodHead { // it must not wait for events that it can't be sent
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)()
	s := &eventStream{
		api: a, id: id, w: w, control: http.NewResponseController(w), until: until,
		events: make(chan streamEvent, eventsAhead), placed: make(chan struct{}),
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the waiting
	wg.Go(func() {
		defer close(s.events)
		if err := a.bus.WatchEvents(ctx, id, after, func() { close(s.placed) }, s.feed(ctx)); err != nil && ctx.Err() == nil {
			a.log.Warn("watching events for a client", "campaign", id, "error", err)
		}
	})
	s.run(ctx)
}

// mayWatch reads the request.
func (a *API) mayWatch(r *http.Request) (id campaign.ID, after uint64, until bool, err error) {
	if id, err = campaign.ParseID(chi.URLParam(r, "id")); err != nil {
		return id, 0, false, err
	}
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return id, 0, false, faulty(campaign.CodeInvalid, []Fault{{
				Location: "header", Field: "Last-Event-ID", Message: "Give the id of an event of this stream, which is a number, or leave it out.",
			}})
		}
	}
	switch r.URL.Query().Get("until") {
	case "":
	case "ended":
		until = true
	default:
		return id, 0, false, faulty(campaign.CodeInvalid, []Fault{{Location: "query", Field: "until", Message: advice["query.until"]}})
	}
	if a.closing.Err() != nil {
		return id, 0, false, newProblem(campaign.CodeUnavailable, "The service is shutting down; connect again in a moment.")
	}
	_, err = a.store.Campaign(r.Context(), id)
	return id, after, until, err
}

// feed hands events over until ctx ends.
func (s *eventStream) feed(ctx context.Context) func(uint64, string, []byte) error {
	return func(seq uint64, kind string, json []byte) error {
		select {
		case s.events <- streamEvent{seq, kind, json}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run writes until the client or the service goes, the bus breaks, or the campaign
// has ended.
func (s *eventStream) run(ctx context.Context) {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect
	if !s.write("retry: 2000\n\n") || !s.flush() {
		return
	}
	heartbeat := time.NewTicker(s.api.cfg.Heartbeat)
	defer heartbeat.Stop()
	var check <-chan time.Time
	if s.until {
		ticker := time.NewTicker(endCheck)
		defer ticker.Stop()
		check = ticker.C
	}
	placed := s.placed
	for going := true; going; {
		select {
		case <-placed:
			placed = nil
			going = s.write(": connected\n\n") && s.flush()
		case e, ok := <-s.events:
			going = ok && s.send(e) && s.flush()
		case <-heartbeat.C:
			going = s.write(": alive\n\n") && s.flush()
		case <-check:
			going = !s.ended(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// send writes an event and those that wait behind it, and says whether to go on.
func (s *eventStream) send(e streamEvent) bool {
	for {
		s.quiet = 0
		data := bytes.ReplaceAll(e.json, []byte("\n"), []byte("\ndata: "))
		if !s.write("id: %d\nevent: %s\ndata: %s\n\n", e.seq, e.kind, data) {
			return false
		}
		if s.until && endEvent(e.kind) {
			s.flush()
			return false
		}
		select {
		case next, ok := <-s.events:
			if !ok {
				return false
			}
			e = next
		default:
			return true
		}
	}
}

// ended reports that the campaign has ended and no event is on its way: the event
// of the end comes a moment after the store says so, hence two looks.
func (s *eventStream) ended(ctx context.Context) bool {
	c, err := s.api.store.Campaign(ctx, s.id)
	if campaign.CodeOf(err) == campaign.CodeNotFound || err == nil && c.Status.Ended() {
		s.quiet++
	}
	return s.quiet >= 2
}

func endEvent(kind string) bool {
	switch campaign.EventType(kind) {
	case campaign.EventCampaignCompleted, campaign.EventCampaignFailed, campaign.EventCampaignCanceled:
		return true
	}
	return false
}

func (s *eventStream) write(format string, args ...any) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.api.patience))
	_, err := fmt.Fprintf(s.w, format, args...)
	return err == nil
}

func (s *eventStream) flush() bool { return s.control.Flush() == nil }

func (a *API) describeEvents() {
	text := &huma.Schema{Type: huma.TypeString}
	a.describe(&huma.Operation{
		OperationID: "watch-campaign", Method: http.MethodGet, Path: eventsPath, Tags: []string{"Campaigns"}, Security: security,
		Summary: "Watch what happens in a campaign",
		Description: "Server-Sent Events: event is the type (campaign.started, campaign.progress, call.ended, …), data a CloudEvent " +
			"in JSON, id its place in the stream. A client that comes back with the header Last-Event-ID gets what it missed, as long " +
			"as that is kept; without it, the stream begins with what happens next. Silence is broken by a comment every 15 s.",
		Parameters: []*huma.Param{
			idParam(),
			{Name: "Last-Event-ID", In: "header", Schema: text, Description: "The id of the last event seen.", Example: "4711"},
			{Name: "until", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"ended"}}, Description: "ended closes the stream when the campaign has ended."},
		},
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}},
		}},
		Errors: append([]int{404, 422}, everyError...),
	})
}
