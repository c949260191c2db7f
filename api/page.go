package api

import (
	"encoding/base64"

	"dialtone/campaign"
)

// PageQuery is the parameters of every list.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" doc:"The next_cursor of the page before."`
}

// cursorText hides an id, so that nobody computes with it.
func cursorText(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// readCursor is the reverse; "" is the zero id.
func readCursor[T any](cursor string, parse func(string) (T, error)) (id T, err error) {
	if cursor == "" {
		return id, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		id, err = parse(string(raw))
	}
	if err != nil {
		return id, faulty(campaign.CodeInvalid, []Fault{{
			Location: "query", Field: "cursor", Message: "This is no cursor of this list; give the next_cursor of the page before, unchanged.",
		}})
	}
	return id, nil
}

// cut takes the page off what was read, one item more than asked for, and tells
// the cursor of the next one.
func cut[T any](items []T, limit int, id func(T) string) (page []T, next string) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	return items, cursorText(id(items[limit-1]))
}
