package ingest

import (
	"fmt"
	"mime"
	"strings"
)

// Format is how an upload is written.
type Format int

// The formats.
const (
	FormatCSV    Format = iota + 1 // a header with a column "phone" and perhaps "time_zone"; the others become variables
	FormatNDJSON                   // a contact on each line
	FormatJSON                     // an array of contacts or numbers, or {"contacts": […]}
)

// FormatError says that a content type is none of ours.  HTTP calls it 415.
type FormatError struct{ ContentType string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("Contacts can't be read from %q: send text/csv, application/x-ndjson or application/json, in UTF-8.", clip(e.ContentType))
}

// FormatOf is the format that a Content-Type header announces, or a
// *FormatError.
func FormatOf(contentType string) (Format, error) {
	media, params, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(params["charset"])
	if err != nil || charset != "" && charset != "utf-8" && charset != "utf8" && charset != "us-ascii" {
		return 0, &FormatError{contentType}
	}
	switch media {
	case "text/csv", "application/csv", "text/tab-separated-values":
		return FormatCSV, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return FormatNDJSON, nil
	case "application/json":
		return FormatJSON, nil
	}
	return 0, &FormatError{contentType}
}
