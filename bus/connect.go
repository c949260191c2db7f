package bus

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/sethvargo/go-retry"
)

// A connection that says nothing more, because its server is frozen or the network is
// cut, is given up after three pings, that is 6 s, and the next server is tried.  A
// write that is stuck holds up the pings, and has the same time.
const (
	pingEvery   = 2 * time.Second
	pingsMissed = 2
)

// connect tries for connectPatience, if the Config does not say how long.
func (b *Bus) connect(ctx context.Context) error {
	who := credentialsOf(b.cfg.URL).or(b.cfg.Password)
	opts := append(b.connectOptions(), who.options()...)
	at := who.servers
	if b.server != nil {
		at = b.server.URL()
		opts = append(opts, nats.InProcessServer(b.server.srv))
	}
	backoff := retry.WithMaxDuration(cmp.Or(b.cfg.OpenPatience, connectPatience), retry.WithCappedDuration(time.Second, retry.NewExponential(50*time.Millisecond)))
	err := retry.Do(ctx, backoff, func(context.Context) (err error) {
		if b.nc, err = nats.Connect(at, opts...); err == nil {
			return nil
		}
		if turnedAway(err) {
			return err
		}
		return retry.RetryableError(err)
	})
	if err != nil {
		told := fmt.Errorf("connect to NATS at %s: %w", at, err)
		if ctx.Err() == nil && !turnedAway(err) {
			return asTransient(told)
		}
		return told
	}
	if b.cfg.LeaseTTL == 0 {
		b.cfg.LeaseTTL = b.defaultLeaseTTL()
	}
	return nil
}

// defaultLeaseTTL follows from what the server says of itself.
func (b *Bus) defaultLeaseTTL() time.Duration {
	if b.nc.ConnectedClusterName() != "" {
		return leaseTTLCluster
	}
	return leaseTTLSingle
}

// credentials are who we are to an external server, taken out of its URL, so that
// one that the cluster tells us of is greeted the same, and no message shows them.
type credentials struct {
	servers  string // the URL without them
	user     string
	password string
	token    bool // user is a token, as in nats://token@host
}

// credentialsOf takes the first that stand in a list of URLs.
func credentialsOf(list string) (c credentials) {
	urls := strings.Split(list, ",")
	for i, s := range urls {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.User == nil {
			continue
		}
		if c.user == "" {
			c.user = u.User.Username()
			var has bool
			c.password, has = u.User.Password()
			c.token = !has
		}
		u.User = nil
		urls[i] = u.String()
	}
	c.servers = strings.Join(urls, ",")
	return c
}

// or takes a password where the URL had none.
func (c credentials) or(password string) credentials {
	if c.token && password != "" {
		c.password, c.token = password, false
	}
	return c
}

func (c credentials) options() []nats.Option {
	switch {
	case c.user == "":
		return nil
	case c.token:
		return []nats.Option{nats.Token(c.user)}
	}
	return []nats.Option{nats.UserInfo(c.user, c.password), nats.CustomInboxPrefix("_INBOX_" + token(c.user))}
}

func (b *Bus) connectOptions() []nats.Option {
	return []nats.Option{
		nats.Name(b.cfg.Name),
		nats.Timeout(2 * time.Second),
		nats.MaxReconnects(-1),
		// Who was let in once and is turned away, as while passwords are changed, would
		// else be closed for good at the second time, and the process with it.
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.DrainTimeout(drainTimeout),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsMissed),
		nats.FlusherTimeout(pingEvery * (pingsMissed + 1)),
		nats.ErrorHandler(b.onError),
		nats.DisconnectErrHandler(b.onDisconnect),
		nats.ReconnectHandler(b.onReconnect),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
}
