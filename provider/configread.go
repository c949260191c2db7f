package provider

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/internal/yamlfile"
)

// section reads what only a providers file has.
type section struct{ yamlfile.Section }

func (s section) file(checks []Check) *File {
	s.Known("callback_base_url", "providers")
	f := &File{CallbackBaseURL: s.baseURL("callback_base_url")}
	items := s.List("providers", "provider or more")
	if len(items) > campaign.LimitProviders {
		s.Fault("providers", "There are %d providers; the most is %d.", len(items), campaign.LimitProviders)
	}
	seen := make(map[string]bool)
	for _, item := range items {
		in := section{item}
		if !in.Mapping() {
			continue // that is told, and nothing can be said of what stands there
		}
		spec := in.spec()
		if seen[spec.Name] && spec.Name != "" {
			in.Fault("name", "There is a provider %q already; give each a name of its own.", spec.Name)
		}
		seen[spec.Name] = true
		for _, check := range checks {
			in.adoptNew(check(spec))
		}
		f.Providers = append(f.Providers, spec)
	}
	return f
}

// specKeys are all that can be said of a provider.
var specKeys = []string{
	"name", "dialect", "base_url", "account", "token", "channels", "calls_per_second",
	"priority", "weight", "prefixes", "prices", "from", "from_by_prefix", "twiml", "url", "timeout",
}

func (s section) spec() Spec {
	s.Known(specKeys...)
	spec := Spec{
		Name:         s.Required("name"),
		Dialect:      s.Required("dialect"),
		BaseURL:      s.baseURL("base_url"),
		Account:      s.Required("account"),
		Token:        s.token("token"),
		From:         s.Text("from"),
		FromByPrefix: s.callerIDs("from_by_prefix"),
		Twiml:        s.Text("twiml"),
		URL:          s.Text("url"),
		Timeout:      s.Duration("timeout", LimitTimeout),
		Limits: Limits{
			Channels:       s.Limit("channels", LimitChannels),
			CallsPerSecond: s.Rate("calls_per_second", LimitCallsRate),
		},
	}
	spec.Route = s.route(spec.Name)
	spec.check(s)
	return spec
}

// check is what concerns the meaning of a value, where reading it gave one.
func (spec Spec) check(s section) {
	spec.checkName(s)
	if spec.From != "" && !e164Shape.MatchString(spec.From) {
		s.Fault("from", wantCallerID, spec.From)
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

// checkName holds the name to the places in which it stands: a callback's path, and an
// event's subject, where campaigns' ids stand as well.
func (spec Spec) checkName(s section) {
	if spec.Name != "" && !nameShape.MatchString(spec.Name) {
		s.Fault("name", "Name it with up to 63 small letters, digits, - and _, not %q.", spec.Name)
	}
	if _, err := campaign.ParseID(spec.Name); err == nil {
		s.Fault("name", "Give it a name that is no campaign's id, unlike %q: its events would pass for that campaign's.", spec.Name)
	}
}

// adoptNew records the faults of keys that have none yet: who checks a value that
// could not be read finds it missing, which is no news.
func (s section) adoptNew(err error) {
	faults := campaign.FaultsOf(err)
	if err != nil && len(faults) == 0 {
		s.Fault("dialect", "%v", err)
	}
	for _, fault := range faults {
		if !s.Faulty(fault.Field) {
			s.Adopt(fault)
		}
	}
}

const (
	wantCallerID = "Write the caller id in E.164 (\"+12025550100\"), not %q."
	wantPrefix   = "Write the beginning of numbers in E.164, like \"+44\", not %q."
	// anyPrefix is the key of what holds where no prefix fits.
	anyPrefix = "default"
)

// route is whom the provider serves, at which rank and price.
func (s section) route(name string) route.Provider {
	out := route.Provider{
		Name:     name,
		Priority: s.Integer("priority", 1, campaign.LimitProviderPriority),
		Weight:   s.Number("weight", campaign.LeastWeight, campaign.LimitWeight),
		Prefixes: s.Texts("prefixes"),
		Prices:   s.prices("prices"),
	}
	if s.Has("prefixes") && len(out.Prefixes) == 0 && !s.Faulty("prefixes") {
		s.Fault("prefixes", "Write the prefixes that it serves, or take this line out: then it serves all.")
	}
	s.few("prefixes", len(out.Prefixes))
	for i, p := range out.Prefixes {
		switch key := fmt.Sprintf("prefixes[%d]", i); {
		case !campaign.ValidPrefix(p):
			s.Fault(key, wantPrefix, p)
		case slices.Contains(out.Prefixes[:i], p):
			s.Fault(key, "Write the prefix %q once.", p)
		}
	}
	return out
}

// few records that there are too many prefixes under a key.
func (s section) few(key string, n int) {
	if n > campaign.LimitPrefixes {
		s.Fault(key, "There are %d prefixes; the most is %d.", n, campaign.LimitPrefixes)
	}
}

// byPrefix is the mapping under a key, whose keys are prefixes.
func (s section) byPrefix(key, example string) (in section, prefixes []string) {
	if !s.Has(key) {
		return section{}, nil
	}
	if !s.IsMapping(key) {
		s.Fault(key, "Write a value for each prefix, like %s.", example)
		return section{}, nil
	}
	in = section{s.Section.Section(key)}
	prefixes = in.Keys()
	s.few(key, len(prefixes))
	return in, prefixes
}

// prices are by prefix; that of any other destination is under "".
func (s section) prices(key string) map[string]float64 {
	in, prefixes := s.byPrefix(key, "{default: 0.02, \"+44\": 0.008}")
	if len(prefixes) == 0 {
		return nil
	}
	out := make(map[string]float64, len(prefixes))
	for _, p := range prefixes {
		price := in.Number(p, 0, LimitPrice)
		switch {
		case p == anyPrefix:
			out[""] = price
		case !campaign.ValidPrefix(p):
			in.Fault(p, "Write the beginning of numbers in E.164, like \"+44\", or %s for any other, not %q.", anyPrefix, p)
		default:
			out[p] = price
		}
	}
	return out
}

// callerIDs are by prefix.
func (s section) callerIDs(key string) map[string]string {
	in, prefixes := s.byPrefix(key, "{\"+44\": \"+442079460958\"}")
	if len(prefixes) == 0 {
		return nil
	}
	out := make(map[string]string, len(prefixes))
	for _, p := range prefixes {
		out[p] = in.Required(p)
		if !campaign.ValidPrefix(p) {
			in.Fault(p, wantPrefix, p)
		} else if out[p] != "" && !e164Shape.MatchString(out[p]) {
			in.Fault(p, wantCallerID, out[p])
		}
	}
	return out
}

// baseURL is a URL to which paths are appended.
func (s section) baseURL(key string) string {
	text := s.Required(key)
	if text == "" {
		return ""
	}
	u, wrong := absoluteURL(text)
	if wrong != "" {
		s.Fault(key, "%s", wrong)
		return ""
	}
	if u.RawQuery != "" {
		s.Fault(key, "Give the URL without a query; paths are appended to it.")
		return ""
	}
	return strings.TrimRight(text, "/")
}

// token is {env: NAME}, {file: path} or {value: text}.
func (s section) token(key string) Secret {
	if s.Missing(key) {
		return Secret{}
	}
	if !s.IsMapping(key) {
		// Not repeated in the message: it may be the token itself.
		s.Fault(key, "Write {env: NAME}, {file: path} or {value: text}.")
		return Secret{}
	}
	t := section{s.Section.Section(key)}
	t.Known("env", "file", "value")
	sources := t.Keys()
	if len(sources) != 1 {
		s.Fault(key, "Give exactly one of env, file and value.")
		return Secret{}
	}
	return NewSecret(t.secret(sources[0]))
}

// secret looks the token up where the section says.
func (s section) secret(source string) string {
	where := s.Required(source)
	if where == "" || source == "value" {
		return where
	}
	var text string
	switch source {
	case "env":
		text = os.Getenv(where)
		if text == "" {
			s.Fault(source, "The environment variable %s is not set, or empty.", where)
		}
	case "file":
		b, err := os.ReadFile(where)
		text = strings.TrimSpace(string(b))
		if err != nil {
			s.Fault(source, "The token's file can't be read: %v.", err)
		} else if text == "" {
			s.Fault(source, "The token's file %s is empty.", where)
		}
	}
	return text
}
