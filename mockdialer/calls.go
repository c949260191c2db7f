package mockdialer

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
)

// find is the call that a path names.
func (s *Server) find(r *http.Request) (index uint32, err error) {
	index, ok := parseSid(chi.URLParam(r, "sid"), s.book.key)
	if !ok || !s.book.holds(index) {
		return 0, notFound(r.URL.Path)
	}
	return index, nil
}

// fetch answers with one call.
func (s *Server) fetch(w http.ResponseWriter, r *http.Request) {
	index, err := s.find(r)
	if err != nil {
		s.fail(w, err)
		return
	}
	c, now := s.book.read(index)
	if s.spoil(w, r, ofFetch, c.to, int64(index)) {
		return
	}
	answer(w, http.StatusOK, s.appendCall(nil, index, &c, now))
}

// update hangs up.
func (s *Server) update(w http.ResponseWriter, r *http.Request) {
	index, err := s.find(r)
	if err != nil {
		s.fail(w, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.ParseForm() != nil {
		s.fail(w, errBody)
		return
	}
	status := r.PostForm.Get("Status")
	if status != Canceled.String() && status != Completed.String() {
		s.fail(w, invalid(20001, "Status must be canceled or completed, not %q", status))
		return
	}
	if asked, _ := s.book.read(index); s.spoil(w, r, ofHangUp, asked.to, int64(index)) {
		return
	}
	c, fired, up := s.book.hangUp(index, status == Canceled.String(), nil)
	s.delivery.push(fired)
	if !up {
		s.fail(w, errOver)
		return
	}
	answer(w, http.StatusOK, s.appendCall(nil, index, &c, s.book.now()))
}

// The bounds of a page.
const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// page is a request for a part of the list.
type page struct {
	filter filter
	size   int
	number int
	after  uint32 // 1 + the index that the page begins below, from its token; 0 has none
	kept   url.Values
}

// list answers with a page of the calls, the newest first.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	p, err := s.parsePage(r.URL.RawQuery)
	if err != nil {
		s.fail(w, err)
		return
	}
	if s.spoil(w, r, ofList, p.filter.to, noCall) {
		return
	}
	skip := p.number * p.size
	if p.after > 0 {
		skip = 0
	}
	rows := s.book.scan(&p.filter, p.after, skip, p.size+1)
	more := len(rows) > p.size
	if more {
		rows = rows[:p.size]
	}
	answer(w, http.StatusOK, s.appendPage(nil, p, rows, more))
}

func (s *Server) parsePage(query string) (*page, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, invalid(20001, "The query can't be read: %v", err)
	}
	p := &page{size: defaultPageSize, kept: url.Values{}}
	for name, v := range values {
		if err := s.parsePageParam(p, name, v[0]); err != nil {
			return nil, err
		}
		if name != "Page" && name != "PageToken" && name != "PageSize" {
			p.kept[name] = v[:1]
		}
	}
	return p, nil
}

// parsePageParam reads one parameter; unknown ones are passed over, as the
// dialect does it.
func (s *Server) parsePageParam(p *page, name, value string) (err error) {
	switch name {
	case "To":
		p.filter.to = value
	case "From":
		p.filter.from = value
	case "Status":
		err = p.filter.status.UnmarshalText([]byte(value))
		p.filter.byStatus = true
	case "StartTime>", "StartTime>=": // "StartTime>=x" reads as "StartTime>" = "x"
		p.filter.since, _, err = parseStart(value)
	case "StartTime<", "StartTime<=":
		_, p.filter.until, err = parseStart(value)
	case "StartTime":
		p.filter.since, p.filter.until, err = parseStart(value)
	case "PageSize":
		p.size, err = parseSmall(value, 1)
		p.size = min(p.size, maxPageSize)
	case "Page":
		p.number, err = parseSmall(value, 0)
	case "PageToken":
		p.after, err = s.parseToken(value)
	}
	if err != nil {
		return invalid(20001, "%s can't be %q: %v", name, value, err)
	}
	return nil
}

// parseStart is the span of Unix nanoseconds that a date or a time means.  Times in
// the dialect have whole seconds: what the API tells as a call's start finds it.
func parseStart(text string) (from, to int64, err error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.UnixNano(), day.AddDate(0, 0, 1).UnixNano() - 1, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	at = at.Truncate(time.Second)
	return at.UnixNano(), at.Add(time.Second).UnixNano() - 1, err
}

// parseSmall reads a number from low to a million.
func parseSmall(text string, low int) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && (n < low || n > 1_000_000) {
		err = strconv.ErrRange
	}
	return n, err
}

// tokenPrefix comes before the id of a page's last call in the token of the next.
const tokenPrefix = "PA"

func (s *Server) parseToken(token string) (uint32, error) {
	if len(token) < len(tokenPrefix) || token[:len(tokenPrefix)] != tokenPrefix {
		return 0, strconv.ErrSyntax
	}
	index, ok := parseSid(token[len(tokenPrefix):], s.book.key)
	if !ok || !s.book.holds(index) {
		return 0, strconv.ErrSyntax
	}
	return index + 1, nil
}

// appendPage renders a page of the list.
func (s *Server) appendPage(b []byte, p *page, rows []row, more bool) []byte {
	b = append(b, `{"calls":[`...)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendCall(b, rows[i].index, &rows[i].call, rows[i].now)
	}
	b = appendInt(b, `],"page":`, int64(p.number))
	b = appendInt(b, `,"page_size":`, int64(p.size))
	b = appendInt(b, `,"start":`, int64(p.number*p.size))
	b = appendInt(b, `,"end":`, int64(p.number*p.size+max(len(rows)-1, 0)))
	b = appendField(b, `,"first_page_uri":`, s.pageURI(p, 0, ""))
	b = append(b, `,"next_page_uri":`...)
	if more {
		token := string(appendSid([]byte(tokenPrefix), s.book.key, rows[len(rows)-1].index))
		b = appendField(b, "", s.pageURI(p, p.number+1, token))
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"previous_page_uri":`...)
	if p.number > 0 {
		b = appendField(b, "", s.pageURI(p, p.number-1, ""))
	} else {
		b = append(b, "null"...)
	}
	b = appendField(b, `,"uri":`, s.pageURI(p, p.number, ""))
	return append(b, '}')
}

// pageURI is where a page of the same list is found.
func (s *Server) pageURI(p *page, number int, token string) string {
	values := url.Values{"PageSize": {strconv.Itoa(p.size)}, "Page": {strconv.Itoa(number)}}
	for name, v := range p.kept {
		values[name] = v
	}
	if token != "" {
		values.Set("PageToken", token)
	}
	return s.createPath + "?" + values.Encode()
}
