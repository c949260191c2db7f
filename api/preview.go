package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

const previewPath = "/v1/schedules/preview"

// The windows that a preview shows.
const (
	defaultPreview = 5
	limitPreview   = 100
)

// PreviewRequest describes the body of POST /v1/schedules/preview.
type PreviewRequest struct {
	Schedule Schedule  `json:"schedule" doc:"The schedule, as for a campaign."`
	TimeZone string    `json:"time_zone,omitempty" example:"America/New_York" doc:"By whose clock the windows are shown: an IANA name, such as those that a call shows. A schedule with the time_zone contact needs it; one without a time_zone is shown in UTC if it is absent; any other has its own."`
	From     time.Time `json:"from,omitzero" example:"2026-12-01T00:00:00Z" doc:"Where to begin, in the years 1970 to 2200; now if absent."`
	Count    int       `json:"count,omitempty" minimum:"1" maximum:"100" default:"5" example:"10" doc:"How many windows at most."`
}

// Preview is when a schedule is open.
type Preview struct {
	Windows  []OpenWindow `json:"windows" doc:"The next times in which it is open without a break, oldest first. One that is open already begins at from."`
	Warnings []string     `json:"warnings,omitempty" doc:"Says so if it never opens."`
}

// OpenWindow is a time in which a schedule is open without a break.
type OpenWindow struct {
	OpensAt     time.Time `json:"opens_at" example:"2026-12-01T14:00:00Z" doc:"The first moment."`
	ClosesAt    time.Time `json:"closes_at,omitzero" example:"2026-12-01T22:00:00Z" doc:"The first moment after it; absent where it never closes."`
	OpensLocal  string    `json:"opens_local" example:"2026-12-01T09:00:00-05:00" doc:"The same by the clock of the time zone, with its offset at that moment."`
	ClosesLocal string    `json:"closes_local,omitempty" example:"2026-12-01T17:00:00-05:00" doc:"The same by the clock of the time zone."`
}

type previewOutput struct{ Body Preview }

func (a *API) previewRoute() {
	register(a, huma.Operation{
		OperationID: "preview-schedule", Method: http.MethodPost, Path: previewPath,
		Summary: "See when a schedule is open",
		Description: "Shows the next times at which a campaign with this schedule would dial, changes of the clock included. Nothing is stored, " +
			"so that the scope read is enough. A schedule by the contact's clock is shown for the one time_zone that is named beside it, and one without a clock by that, too.",
		Tags: []string{"Campaigns"}, RejectUnknownQueryParameters: true,
		RequestBody: body[PreviewRequest](a, map[string]any{"schedule": exampleCampaign["schedule"], "from": "2026-12-21T00:00:00Z", "count": 5}),
		Errors:      []int{400, 408, 413, 415, 422},
	}, a.preview)
}

func (a *API) preview(_ context.Context, in *JSONBody) (*previewOutput, error) {
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	from, count, s := a.now(), defaultPreview, campaign.Schedule{}
	if raw, given := o.fields["schedule"]; !given || null(raw) {
		o.fault("schedule", "Give the schedule to look at, like {\"time_zone\": \"America/New_York\", \"windows\": [{\"days\": [\"mon\", \"tue\"], \"start\": \"09:00\", \"end\": \"17:00\"}]}.")
	}
	o.schedule(&s)
	zone := o.previewZone(s)
	o.instant("from", &from)
	if read(o, "count", &count, defaultPreview, "Give a whole number, like 5.") && (count < 1 || count > limitPreview) {
		o.fault("count", "Give a number of windows from 1 to %d, not %d.", limitPreview, count)
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	cal, err := hours.New(s, zone)
	if err != nil {
		return nil, err
	}
	loc, err := time.LoadLocation(zone) // "" is UTC
	if err != nil {
		return nil, err
	}
	return &previewOutput{Body: showPreview(cal.Intervals(from, count), loc, from)}, nil
}

// previewZone is the zone by whose clock the windows are shown.
func (o *object) previewZone(s campaign.Schedule) string {
	var zone string
	named := o.zone("time_zone", &zone)
	switch {
	case s.PerContact() && !named && !o.faulty("time_zone"):
		o.fault("time_zone", "The schedule goes by each contact's clock; name the time zone to look at, like \"America/New_York\".")
	case s.TimeZone == "":
		return zone
	case !s.PerContact() && named && !o.blamed("schedule.time_zone"):
		o.fault("time_zone", "The schedule has a time zone of its own; leave this out, or give the schedule the time_zone \"contact\".")
	case !s.PerContact():
		return s.TimeZone
	}
	return zone
}

func showPreview(open []hours.Interval, loc *time.Location, from time.Time) Preview {
	out := Preview{Windows: make([]OpenWindow, len(open))}
	for i, w := range open {
		out.Windows[i] = OpenWindow{OpensAt: w.Opens.UTC(), OpensLocal: w.Opens.In(loc).Format(time.RFC3339)}
		if !w.Closes.IsZero() {
			out.Windows[i].ClosesAt, out.Windows[i].ClosesLocal = w.Closes.UTC(), w.Closes.In(loc).Format(time.RFC3339)
		}
	}
	if len(open) == 0 {
		out.Warnings = []string{"The schedule never opens from " + rfc(from) + " on; look at its windows, dates, start_at and end_at."}
	}
	return out
}
