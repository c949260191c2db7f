package postgres

import (
	"net"
	"time"
)

// silence is how long a server's machine may acknowledge nothing of what was sent before
// the connection is given up.  By itself Linux would try for a quarter of an hour, and
// the journal with it.  A server that stands still is not silent: its kernel answers,
// until there is no more room for what is sent.
const silence = 10 * time.Second

// dialer also looks after connections on which an answer is waited for: nothing is sent
// then, and a machine that is gone would not be missed.  On Linux silence bounds the
// probes as well, elsewhere Count does.
var dialer = net.Dialer{
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 2, Interval: silence / 4, Count: 4},
	Control:         giveUpAfterSilence,
}
