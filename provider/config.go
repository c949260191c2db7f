package provider

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/internal/yamlfile"
)

// File is the providers file:
//
//	callback_base_url: https://dialtone.example.com   # where the provider reaches us
//	providers:
//	  - name: main
//	    dialect: twilio
//	    base_url: https://api.twilio.com
//	    account: AC00000000000000000000000000000001
//	    token: {env: MAIN_TOKEN}       # or {file: path} or {value: for tests}
//	    channels: 500                  # calls up at once; 0 or absent: no limit
//	    calls_per_second: 200          # create requests a second; 0 or absent: no limit
//	    from: "+12025550100"           # caller id where neither call nor campaign names one
//	    twiml: <Response>…</Response>  # the script of every call, or
//	    url: https://…                 # where the provider fetches the script
//	    timeout: 10s                   # how long a request may take
type File struct {
	// CallbackBaseURL is an absolute http or https URL without a trailing slash.
	CallbackBaseURL string
	// Providers holds exactly one, as long as there is no routing.
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
	// Twiml and URL are the script of every call. At most one is set.
	Twiml, URL string
	// Timeout of one request; 0 takes the adapter's default.
	Timeout time.Duration
	Limits  Limits
	// Route is whom the provider serves, at which rank and price; its Name is the
	// provider's.
	Route route.Provider
	// FromByPrefix is the caller id of calls that bring none, by the beginning of the
	// number called, of which the longest counts; it goes before From.
	FromByPrefix map[string]string
}

// The bounds of what the file may say.
const (
	LimitScript    = 4000 // characters of twiml, which is what the API takes
	LimitTimeout   = 5 * time.Minute
	LimitChannels  = 1_000_000
	LimitCallsRate = 1_000_000
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

// ReadFile reads a providers file.  The error is a *FileError unless the file
// itself can't be read.
func ReadFile(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the providers file: %w", err)
	}
	return read(path, text)
}

// Parse reads the text of a providers file.  It looks up the environment
// variables and files that tokens are kept in; relative paths start at the
// working directory.  The error is a *FileError with every fault.
func Parse(text []byte) (*File, error) { return read("", text) }

func read(path string, text []byte) (*File, error) {
	root := section{yamlfile.Parse(text, "callback_base_url and providers")}
	f := root.file()
	if faults := root.Faults(); len(faults) > 0 {
		return nil, &FileError{Path: path, Faults: faults}
	}
	return f, nil
}

func (s section) file() *File {
	s.Known("callback_base_url", "providers")
	f := &File{CallbackBaseURL: s.baseURL("callback_base_url")}
	items := s.List("providers", "provider")
	if len(items) > 1 {
		s.Fault("providers", "There are %d providers, and routing between several is not supported yet; leave one.", len(items))
	}
	for _, item := range items {
		f.Providers = append(f.Providers, section{item}.spec())
	}
	return f
}

func (s section) spec() Spec {
	s.Known("name", "dialect", "base_url", "account", "token", "channels", "calls_per_second",
		"priority", "weight", "prefixes", "from", "twiml", "url", "timeout")
	for _, key := range []string{"priority", "weight", "prefixes"} {
		if s.Has(key) {
			s.Fault(key, "Routing between providers is not supported yet; take this line out.")
		}
	}
	spec := Spec{
		Name:    s.Required("name"),
		Dialect: s.Required("dialect"),
		BaseURL: s.baseURL("base_url"),
		Account: s.Required("account"),
		Token:   s.token("token"),
		From:    s.Text("from"),
		Twiml:   s.Text("twiml"),
		URL:     s.Text("url"),
		Timeout: s.Duration("timeout", LimitTimeout),
		Limits: Limits{
			Channels:       s.Limit("channels", LimitChannels),
			CallsPerSecond: s.Rate("calls_per_second", LimitCallsRate),
		},
	}
	spec.check(s)
	return spec
}

// check is what concerns the meaning of a value, where reading it gave one.
func (spec Spec) check(s section) {
	if spec.Name != "" && !nameShape.MatchString(spec.Name) {
		s.Fault("name", "Name it with up to 63 small letters, digits, - and _, not %q.", spec.Name)
	}
	if spec.From != "" && !e164Shape.MatchString(spec.From) {
		s.Fault("from", "Write the caller id in E.164 (\"+12025550100\"), not %q.", spec.From)
	}
	if spec.Twiml != "" && spec.URL != "" {
		s.Fault("url", "Give the script as twiml or as url, not as both.")
	}
	if n := utf8.RuneCountInString(spec.Twiml); n > LimitScript {
		s.Fault("twiml", "The script has %d characters; the most is %d.", n, LimitScript)
	}
	if spec.URL != "" {
		if _, wrong := absoluteURL(spec.URL); wrong != "" {
			s.Fault("url", "%s", wrong)
		}
	}
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
