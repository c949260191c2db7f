package bustest

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// DeleteStreams deletes every stream and bucket at a server, as somebody with all rights
// would, and returns their names.
func DeleteStreams(ctx context.Context, url string) (names []string, err error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, fmt.Errorf("connect to delete the streams: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	list := js.StreamNames(ctx)
	for name := range list.Name() {
		if e := js.DeleteStream(ctx, name); e != nil {
			err = errors.Join(err, fmt.Errorf("delete stream %s: %w", name, e))
			continue
		}
		names = append(names, name)
	}
	return names, errors.Join(err, list.Err())
}
