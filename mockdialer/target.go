package mockdialer

import (
	"encoding/base64"
	"net"
	"net/url"
	"strings"
)

// target is where a callback goes, cut out of its URL.
type target struct {
	origin string // scheme and authority, as written: the key of kept connections
	host   string // the Host header
	path   string // with the query
	user   string // base64 of user and password, or ""
	secure bool
}

// cutTarget takes a URL apart that validTarget has seen.  url.Parse would do, at
// several times the cost, for every callback.
func cutTarget(text string) target {
	scheme, rest, _ := strings.Cut(text, "://")
	t := target{secure: strings.EqualFold(scheme, "https"), path: "/"}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	t.origin = text[:len(scheme)+len("://")+end]
	t.host = rest[:end]
	switch {
	case end < len(rest) && rest[end] == '/':
		t.path = rest[end:]
	case end < len(rest):
		t.path = "/" + rest[end:]
	}
	if at := strings.LastIndexByte(t.host, '@'); at >= 0 {
		user, err := url.PathUnescape(t.host[:at])
		if err == nil {
			t.user = base64.StdEncoding.EncodeToString([]byte(user))
		}
		t.host = t.host[at+1:]
	}
	return t
}

// address is what to dial.
func (t target) address() string {
	host, port := t.host, "80"
	if t.secure {
		port = "443"
	}
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// separator comes between the URL and appended parameters.
func (t target) separator() byte {
	if strings.IndexByte(t.path, '?') >= 0 {
		return '&'
	}
	return '?'
}

// maxTarget bounds a callback's URL, in bytes.
const maxTarget = 4000

// validTarget reports whether callbacks can go to a URL.  It lets no byte through
// that would end the request line.
func validTarget(text string) bool {
	if len(text) > maxTarget {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https")
}
