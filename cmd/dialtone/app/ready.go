package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"dialtone/api"
	"dialtone/campaign"
)

const (
	// pingPatience is how long the database may take to answer.
	pingPatience = time.Second
	// pingKept is how long its answer counts: who asks often costs it nothing.
	pingKept = 200 * time.Millisecond
	// stalledTooLong is how long a batch may be on its way into the database.
	stalledTooLong = 5 * time.Second
)

// waiting lists what the start waits for.
func (a *App) waiting() []api.Missing {
	if a.stopping.Load() {
		return []api.Missing{stoppingNow}
	}
	return a.awaited.list()
}

var stoppingNow = api.Missing{Part: partService, Reason: "The service is stopping; send requests to another node."}

// missing lists the parts without which this process can't do its work, each with what
// to do about it.  It takes pingPatience at most.
func (a *App) missing(ctx context.Context) (out []api.Missing) {
	if a.stopping.Load() {
		out = append(out, stoppingNow)
	} else if !a.started.Load() {
		out = append(out, api.Missing{Part: partService, Reason: "The service is starting; it takes a moment."})
	}
	if err := a.pinged.ask(ctx, a.store.Ping); err != nil {
		out = append(out, api.Missing{Part: partStore, Reason: fmt.Sprintf(
			"The database does not answer (%v). See whether %s runs and can be reached from here; calls go on when it answers again.", err, a.database())})
	} else if stalled := a.stalled(); stalled > stalledTooLong {
		out = append(out, api.Missing{Part: partStore, Reason: fmt.Sprintf(
			"The database answers, but has not taken for %v what is to be written. See whether it is locked or full, and whether it can be reached from here; calls go on when it takes it.", stalled.Round(time.Second))})
	}
	if err := a.bus.Healthy(); err != nil {
		out = append(out, api.Missing{Part: partNATS, Reason: fmt.Sprintf(
			"%v. See whether %s runs, has JetStream, and can be reached from here; it is connected to again by itself.", err, a.servers())})
	}
	node := a.node.Load()
	if a.cfg.has(RoleActors) && (node == nil || node.Owned() == 0) {
		out = append(out, api.Missing{Part: partLeases, Reason: "This node owns no partition yet, so it runs no campaign. It takes some as soon as others give them up, or after their leases' time; if it lasts longer than that, see the log for what keeps it from them."})
	}
	if node != nil {
		if _, asleep := node.Troubles(); len(asleep) > 0 {
			out = append(out, api.Missing{Part: partCampaigns, Reason: fmt.Sprintf(
				"What %s has up has not been read from the database yet, and nothing is granted to anybody until it is known. The log says what is wrong, unless it is only slow.", list(asleep))})
		}
	}
	return out
}

// stalled is how long the journal has been trying to write what it has in hand.
func (a *App) stalled() time.Duration { return a.journal.Stats().Stalled }

// list names some campaigns.
func list(ids []campaign.ID) string {
	const most = 5
	names := make([]string, 0, most+1)
	for i, id := range ids {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(ids)-most))
			break
		}
		names = append(names, id.String())
	}
	return strings.Join(names, ", ")
}

func (a *App) database() string {
	if a.store.Driver() == "sqlite" {
		return "the disk"
	}
	return "PostgreSQL"
}

// servers is where NATS is, without passwords.
func (a *App) servers() string {
	if a.cfg.NATS == "" {
		return "the server in this process"
	}
	list := strings.Split(a.cfg.NATS, ",")
	for i, one := range list {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil {
			return "the NATS server"
		}
		list[i] = u.Redacted()
	}
	return strings.Join(list, ", ")
}

// ping asks whether the database answers, once for all who want to know at the same
// time.
type ping struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (p *ping) ask(ctx context.Context, ask func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < pingKept {
		return p.err
	}
	// The answer is for others, too, who may be more patient.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingPatience)
	defer cancel()
	p.err = ask(ctx)
	if errors.Is(p.err, context.DeadlineExceeded) {
		p.err = fmt.Errorf("nothing within %v", pingPatience)
	}
	p.at = time.Now()
	return p.err
}
