package provider

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/internal/yamlfile"
)

// File is the providers file:
//
//	callback_base_url: https://dialtone.example.com   # where providers reach us; it may have a path
//	providers:                         # one or more
//	  - name: main                     # its own; what stands in its callbacks' addresses
//	    dialect: twilio
//	    base_url: https://api.twilio.com
//	    account: AC00000000000000000000000000000001
//	    token: {env: MAIN_TOKEN}       # or {file: path} or {value: for tests}
//	    channels: 500                  # calls up at once; 0 or absent: no limit
//	    calls_per_second: 200          # create requests a second; 0 or absent: no limit
//	    priority: 1                    # 1 to 1000, the lowest first; absent: 1
//	    weight: 3                      # its part among those of one priority; absent: 1
//	    prefixes: ["+1", "+44"]        # the destinations it serves; absent: all
//	    prices: {default: 0.02, "+44": 0.008}   # of a minute, by destination; default is any other
//	    from: "+12025550100"           # caller id where neither call nor campaign names one
//	    from_by_prefix: {"+44": "+442079460958"}   # the same by destination, before from
//	    twiml: <Response>…</Response>  # the script of every call, or
//	    url: https://…                 # where the provider fetches the script
//	    timeout: 8s                    # how long a request may take, 10s at most; absent: 10s
//
// Of prefixes, prices and caller ids the longest that a number begins with counts.
// Prices are all in one currency, whichever it is.
type File struct {
	// CallbackBaseURL is an absolute http or https URL without a trailing slash.
	CallbackBaseURL string
	// Providers holds at least one; no two have the same name.
	Providers []Spec
}

// Spec is one provider as the file describes it.
type Spec struct {
	Name    string
	Dialect string
	BaseURL string // absolute http or https URL without a trailing slash
	Account string
	Token   Secret
	// From is the caller id of calls that bring none, in E.164, or "".
	From string
	// FromByPrefix is the caller id of calls that bring none, by the beginning of the
	// number called, of which the longest counts; it goes before From.
	FromByPrefix map[string]string
	// Twiml and URL are the script of every call. At most one is set.
	Twiml, URL string
	// Timeout of one request; 0 takes the adapter's default.
	Timeout time.Duration
	Limits  Limits
	// Route is whom the provider serves, at which rank and price; its Name is the
	// provider's.
	Route route.Provider
}

// The bounds of what the file may say.
const (
	LimitScript    = 4000             // characters of twiml, which is what the API takes
	LimitTimeout   = 10 * time.Second // what callers give any request; a longer one would not count
	LimitChannels  = 1_000_000
	LimitCallsRate = 1_000_000
	LimitPrice     = 1_000_000 // of a minute
)

var (
	// The name becomes a token of a subject and a segment of the callback's path.
	nameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	e164Shape = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
)

// FileError tells everything that is wrong with a providers file, in one line.
type FileError struct {
	Path   string // "" where the text came from elsewhere
	Faults campaign.Errors
}

func (e *FileError) Error() string {
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = f.Error()
	}
	return cmp.Or(e.Path, "providers") + ": " + strings.Join(texts, "; ")
}

// Unwrap lets errors.As find the single faults.
func (e *FileError) Unwrap() error { return e.Faults }

// Check is what else must hold of a provider, beside what the file's form asks for:
// its adapter's demands, or those of a service that runs.  Its faults are a
// *campaign.Error or campaign.Errors, whose fields are the file's keys.
type Check func(Spec) error

// ReadFile reads a providers file, of which all checks must hold.  The error is a
// *FileError, with the line and the field of every fault, unless the file itself
// can't be read.
func ReadFile(path string, checks ...Check) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the providers file: %w", err)
	}
	return read(path, text, checks)
}

// Parse reads the text of a providers file.  It looks up the environment
// variables and files that tokens are kept in; relative paths start at the
// working directory.  The error is a *FileError with every fault.
func Parse(text []byte, checks ...Check) (*File, error) { return read("", text, checks) }

func read(path string, text []byte, checks []Check) (*File, error) {
	root := section{yamlfile.Parse(text, "callback_base_url and providers")}
	f := root.file(checks)
	if faults := root.Faults(); len(faults) > 0 {
		return nil, &FileError{Path: path, Faults: faults}
	}
	return f, nil
}

// absoluteURL reads a URL that can be called as it stands, or says what is
// wrong with it.  The text is not repeated, since a password may stand in it.
func absoluteURL(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, "Give an absolute URL, like https://example.com."
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "Give a URL with http or https."
	case u.User != nil || u.Fragment != "":
		return nil, "Give the URL without user, password and fragment."
	}
	return u, ""
}
