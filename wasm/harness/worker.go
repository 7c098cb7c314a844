package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"tabseek/engine/message"
	"tabseek/wasm/abi"
)

// ErrClosed is what requests end with that a host is closed under.
var ErrClosed = errors.New("the model is closed")

// A worker is the one goroutine that calls the guest and the device of a host, and what it keeps for that. Callers leave
// orders in the host's mailbox; before each result of the device goes to the guest, those go there, so that the next
// submit works on them too.
type worker struct {
	*Host
	open map[uint32]*Stream // by the id of the request
}

// An order is what a caller has the guest told of a stream: first its request, and then, say, that it is to end.
type order struct {
	stream  *Stream
	request message.Request
}

// work is the life of the host's goroutine. What fails outside of a request, such as a lost device, ends all of them and
// whatever is asked later.
func (h *Host) work() {
	w := &worker{Host: h, open: map[uint32]*Stream{}}
	defer close(h.ended)
	for {
		if len(w.open) == 0 {
			h.mailbox.wait()
		}
		err := h.mailbox.failure()
		if err == nil {
			err = w.turn(context.Background())
		}
		if err != nil {
			h.mailbox.close(err)
			w.end(err)
			return
		}
	}
}

// turn takes orders, waits for the device, and hands the guest one result after another, each followed by the work it
// leads to, so that the device is not kept waiting.
func (w *worker) turn(ctx context.Context) error {
	if err := w.takeOrders(ctx); err != nil || len(w.open) == 0 {
		return err
	}
	results, err := w.results()
	if err != nil {
		return err
	}
	if len(results) == 0 {
		return errors.New("engine.wasm: a request is open, but nothing is under way")
	}
	for _, r := range results {
		if err := w.takeOrders(ctx); err != nil {
			return err
		}
		if err := w.tell(ctx, abi.Result, abi.AppendResult(nil, r)); err != nil {
			return err
		}
	}
	return nil
}

// end ends all requests.
func (w *worker) end(err error) {
	for _, o := range w.mailbox.take() {
		o.stream.end(err)
	}
	for _, s := range w.open {
		s.end(err)
	}
}

func (w *worker) takeOrders(ctx context.Context) error {
	for _, o := range w.mailbox.take() {
		if s := o.stream; s.begun.at.IsZero() {
			s.begun = w.counters()
			w.open[s.id] = s
		} else if w.open[s.id] == nil {
			continue // it has ended meanwhile
		}
		data, err := json.Marshal(o.request)
		if err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if err := w.tell(ctx, abi.Request, data); err != nil {
			return err
		}
	}
	return nil
}

// tell hands the guest a message, carries out what it wants done then, and hands its events on.
func (w *worker) tell(ctx context.Context, kind abi.Message, data []byte) error {
	if err := w.guest.send(ctx, kind, data); err != nil {
		return err
	}
	b, err := w.step(ctx, w.handLogits)
	if err != nil {
		return err
	}
	for _, e := range b.events {
		if e.Type == message.Failed && e.ID == 0 {
			return failureOf(e)
		}
		if s := w.open[e.ID]; s != nil {
			w.hand(s, e, b.start)
		}
	}
	return nil
}

// handLogits gives a row to the caller that asked for it. One that cannot take it is asked no more.
func (w *worker) handLogits(row message.LogitsRow) {
	s := w.open[row.ID]
	if s == nil || s.failed != nil {
		return
	}
	if s.failed = s.onLogits(row); s.failed != nil {
		s.Tell(message.Cancel)
	}
}

// hand gives an event to its stream.
func (w *worker) hand(s *Stream, e message.Event, start counters) {
	out := Event{Event: e}
	switch e.Type {
	case message.Failed:
		delete(w.open, e.ID)
		s.end(failureOf(e))
		return
	case message.Decoding:
		s.decoding[e.Index] = start
	case message.Choice:
		out.Stats = w.stats(s.begun, s.decoding[e.Index], *e.Usage)
	case message.Done:
		delete(w.open, e.ID)
		out.Stats = w.stats(s.begun, earliest(s.decoding), *e.Usage)
	}
	s.push(out)
	if e.Type == message.Done {
		s.end(s.failed)
	}
}

// A mailbox keeps orders until the worker takes them. Leaving one never waits.
type mailbox struct {
	mutex  sync.Mutex
	orders []order
	closed error
	wake   chan struct{} // holds something while there may be orders, or it is closed
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put leaves an order; once the mailbox is closed it returns why.
func (m *mailbox) put(o order) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed != nil {
		return m.closed
	}
	m.orders = append(m.orders, o)
	m.ring()
	return nil
}

// close has the worker end. The first reason holds.
func (m *mailbox) close(why error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed == nil {
		m.closed = why
	}
	m.ring()
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) wait() { <-m.wake }

func (m *mailbox) take() []order {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	orders := m.orders
	m.orders = nil
	return orders
}

func (m *mailbox) failure() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.closed
}
