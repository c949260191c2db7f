package twilio

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
)

// callJSON is the part of the API's call resource that is read.
type callJSON struct {
	Sid         string `json:"sid"`
	To          string `json:"to"`
	From        string `json:"from"`
	Status      string `json:"status"`
	Duration    loose  `json:"duration"` // seconds, null while up
	DateCreated string `json:"date_created"`
	EndTime     string `json:"end_time"` // null while up
	AnsweredBy  string `json:"answered_by"`
}

// loose is a text that some providers write as a number.
type loose string

// UnmarshalJSON takes a string or a number; null leaves it as it was.
func (l *loose) UnmarshalJSON(b []byte) error {
	if string(b) != "null" {
		*l = loose(strings.Trim(string(b), `"`))
	}
	return nil
}

// call translates the resource.  A status that is not known is no error: that
// the call exists is what settling it needs first.
func (c callJSON) call() provider.Call {
	out := provider.Call{
		ProviderCallID: c.Sid,
		To:             c.To,
		From:           c.From,
		CreatedAt:      parseTime(c.DateCreated),
	}
	var err error
	if out.Ended, out.Disposition, err = ending(c.Status); err != nil {
		out.Detail = err.Error()
	}
	if out.Ended {
		out.Duration = parseSeconds(string(c.Duration))
		out.EndedAt = parseEnd(c.EndTime)
		out.Detail = detail("", c.AnsweredBy, "")
	}
	out.AnsweredBy = cut(c.AnsweredBy)
	return out
}

// ending translates a status.
func ending(status string) (ended bool, d campaign.Disposition, err error) {
	switch status {
	case "queued", "initiated", "ringing", "in-progress":
		return false, "", nil
	case "completed":
		return true, campaign.DispositionCompleted, nil
	case "busy":
		return true, campaign.DispositionBusy, nil
	case "no-answer":
		return true, campaign.DispositionNoAnswer, nil
	case "failed":
		return true, campaign.DispositionFailed, nil
	case "canceled":
		return true, campaign.DispositionCanceled, nil
	}
	return false, "", fmt.Errorf("there is no status %q", cut(status))
}

// detail puts what the provider adds to a status into one line.
func detail(sipCode, answeredBy, errorCode string) string {
	var parts []string
	for _, p := range []struct{ label, value string }{
		{"SIP ", sipCode}, {"answered by ", answeredBy}, {"error ", errorCode},
	} {
		if p.value != "" && p.value != "0" {
			parts = append(parts, p.label+cut(p.value))
		}
	}
	return strings.Join(parts, ", ")
}

// parseEnd reads the time of an end as the last moment that it can stand for:
// what is counted from it, the delay before the next attempt, must not begin
// before the call was over.
func parseEnd(s string) time.Time {
	t := parseTime(s)
	if t.IsZero() {
		return t
	}
	return t.Add(time.Second - time.Millisecond)
}

// parseTime reads the API's RFC 2822 times, which have whole seconds; zero for
// any other text.
func parseTime(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC1123Z, s)
	if err != nil {
		// The day may have one digit, and the zone a name.
		t, err = time.Parse("Mon, 2 Jan 2006 15:04:05 MST", s)
	}
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// parseCode reads a SIP response code; 0 for any other text.
func parseCode(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 100 || n > 699 {
		return 0
	}
	return n
}

// parseSeconds reads a whole number of seconds; 0 for any other text.
func parseSeconds(s string) time.Duration {
	n, err := strconv.ParseUint(cmp.Or(s, "0"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
