package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dialtone/provider"
)

const (
	pageSize   = 200
	limitPages = 25
	// queueTime is how long a call may wait at the provider before it is dialled;
	// more than a day's backlog is refused (22005).
	queueTime = 25 * time.Hour
)

// errTooManyPages is told rather than a list that is not whole.
var errTooManyPages = errors.New("there are too many calls to this number")

// page is one page of the list of calls.
type page struct {
	Calls       []callJSON `json:"calls"` // nil if the answer was no list
	NextPageURI string     `json:"next_page_uri"`
}

// Find lists the calls to a number since a time.  An empty from is any caller id,
// and not the provider's own: that may have been another when the call was placed.
func (p *Provider) Find(ctx context.Context, to, from string, since time.Time) ([]provider.Call, error) {
	query := url.Values{"To": {to}, "PageSize": {fmt.Sprint(pageSize)}}
	if from != "" {
		query.Set("From", from)
	}
	target := *p.calls
	target.RawQuery = query.Encode()
	out, err := p.findPages(ctx, &target, since)
	if err != nil {
		return nil, fmt.Errorf("list calls to %s: %w", to, err)
	}
	// The API lists the newest first; calls of one second keep that order, turned.
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b provider.Call) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out, nil
}

func (p *Provider) findPages(ctx context.Context, target *url.URL, since time.Time) (out []provider.Call, err error) {
	// The API's times are cut to the second.
	since = since.Add(-time.Second)
	for range limitPages {
		pg, err := p.page(ctx, target)
		if err != nil {
			return nil, err
		}
		for _, c := range pg.Calls {
			call := c.call()
			// A call that tells no time may be the one that is looked for.
			if call.CreatedAt.IsZero() || !call.CreatedAt.Before(since) {
				out = append(out, call)
			}
		}
		if pg.NextPageURI == "" || pg.endsBefore(since.Add(-queueTime)) {
			return out, nil
		}
		if target, err = p.nextPage(pg.NextPageURI); err != nil {
			return nil, err
		}
	}
	return nil, errTooManyPages
}

func (p *Provider) page(ctx context.Context, target *url.URL) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	a, _, err := p.ask(ctx, target, nil, limitPage)
	if err != nil {
		return page{}, err
	}
	defer a.release()
	if a.status != http.StatusOK {
		// Not ErrUnknownCall: a list that can't be had is no list of nothing.
		return page{}, fmt.Errorf("HTTP %d: %s", a.status, a.word())
	}
	var pg page
	if err := json.Unmarshal(a.body.Bytes(), &pg); err != nil || pg.Calls == nil {
		return page{}, fmt.Errorf("the answer is no list of calls: %s", a.excerpt())
	}
	return pg, nil
}

// endsBefore reports whether the page comes to calls older than t, newest
// first, so that the pages after it hold nothing newer.  The order is checked,
// because no one promises it.
func (pg page) endsBefore(t time.Time) bool {
	last := time.Time{}
	for i, c := range pg.Calls {
		created := parseTime(c.DateCreated)
		if created.IsZero() || (i > 0 && created.After(last)) {
			return false
		}
		last = created
	}
	return len(pg.Calls) > 0 && last.Before(t) && parseTime(pg.Calls[0].DateCreated).After(last)
}

// nextPage is where the next page is found.  It stays on the provider's host and
// in the account's list: the request carries the credentials.
func (p *Provider) nextPage(uri string) (*url.URL, error) {
	next, err := url.Parse(uri)
	if err != nil || next.Host != "" || next.Scheme != "" || !strings.HasSuffix(p.calls.Path, next.Path) || next.Path == "" {
		return nil, fmt.Errorf("the next page is not in this account's list: %s", cut(uri))
	}
	target := *p.calls
	target.RawQuery = next.RawQuery
	return &target, nil
}
