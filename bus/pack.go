package bus

// packer puts items of the same group into one message, in their order.  Its
// buffers are used again by the next pack; the slices of batches are not.
type packer struct {
	open    map[string]int // group -> the parcel that still takes items
	parcels []outgoing
}

// outgoing is a message being written.
type outgoing struct {
	subject string
	buf     []byte // "[" and the items, with commas between
	batches []*batch
}

// body is the item itself if there is one, else an array.
func (o *outgoing) body() []byte {
	if len(o.batches) == 1 {
		return o.buf[1:]
	}
	o.buf = append(o.buf, ']')
	return o.buf
}

// pack returns the messages that the letters come to, valid until the next
// pack.
func (p *packer) pack(letters []letter) []outgoing {
	if p.open == nil {
		p.open = map[string]int{}
	}
	clear(p.open)
	p.parcels = p.parcels[:0]
	for i := range letters {
		l := &letters[i]
		at, ok := p.open[l.group]
		if !ok {
			at = p.begin(l.subject)
			p.open[l.group] = at
		}
		o := &p.parcels[at]
		if len(o.batches) > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = append(o.buf, l.data...)
		o.batches = append(o.batches, l.batch)
		if len(o.batches) == l.most || len(o.buf) > parcelBytes {
			delete(p.open, l.group)
		}
	}
	return p.parcels
}

// begin takes over a used buffer, if there is one.
func (p *packer) begin(subject string) int {
	n := len(p.parcels)
	if n < cap(p.parcels) {
		p.parcels = p.parcels[:n+1]
	} else {
		p.parcels = append(p.parcels, outgoing{})
	}
	o := &p.parcels[n]
	o.subject, o.buf, o.batches = subject, append(o.buf[:0], '['), nil
	return n
}
