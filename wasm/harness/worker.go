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
	open map[uint32]*asked // by the id that the guest knows
}

// An asked is a request in the guest: of which stream, and which of its answers.
type asked struct {
	stream *Stream
	index  int
}

// An order is what a caller wants of the guest: that a stream's requests begin, or end early.
type order struct {
	stream *Stream
	cancel bool
}

// work is the life of the host's goroutine. What fails outside of a request, such as a lost device, ends all of them and
// whatever is asked later.
func (h *Host) work() {
	w := &worker{Host: h, open: map[uint32]*asked{}}
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
	for _, a := range w.open {
		a.stream.end(err)
	}
}

func (w *worker) takeOrders(ctx context.Context) error {
	for _, o := range w.mailbox.take() {
		var err error
		if o.cancel {
			err = w.cancel(ctx, o.stream)
		} else {
			err = w.begin(ctx, o.stream)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) begin(ctx context.Context, s *Stream) error {
	s.begun = w.counters()
	for index, r := range s.requests {
		w.open[r.ID] = &asked{s, index}
	}
	for _, r := range s.requests {
		if err := w.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// cancel ends a stream's requests early. Those that have ended already are none of the guest's.
func (w *worker) cancel(ctx context.Context, s *Stream) error {
	for _, r := range s.requests {
		if w.open[r.ID] == nil {
			continue
		}
		if err := w.ask(ctx, message.Request{Type: message.Cancel, ID: r.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) ask(ctx context.Context, r message.Request) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return w.tell(ctx, abi.Request, data)
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
		w.hand(e, b.start)
	}
	return nil
}

// handLogits gives a row to the caller that asked for it. One that cannot take it is asked no more.
func (w *worker) handLogits(row message.LogitsRow) {
	a := w.open[row.ID]
	if a == nil || a.stream.failed != nil {
		return
	}
	if a.stream.failed = a.stream.onLogits(row); a.stream.failed != nil {
		w.mailbox.put(order{a.stream, true})
	}
}

// hand gives an event to the stream whose request it is of.
func (w *worker) hand(e message.Event, start counters) {
	a := w.open[e.ID]
	if a == nil {
		return
	}
	s := a.stream
	switch e.Type {
	case message.Failed:
		delete(w.open, e.ID)
		s.end(failureOf(e))
		w.mailbox.put(order{s, true}) // its other answers are of no use
	case message.Done:
		delete(w.open, e.ID)
		w.finish(a, e)
	case message.Choice: // finish says it
	default:
		if e.Type == message.Decoding {
			s.decoding[a.index] = start
		}
		e.ID, e.Index = s.id(), a.index
		s.push(Event{Event: e})
	}
}

// finish tells that an answer has ended, and after the last of them that the request has.
func (w *worker) finish(a *asked, e message.Event) {
	s := a.stream
	s.usage = addUsage(s.usage, e.Usage)
	if a.index == 0 {
		s.reason = e.FinishReason
	}
	e.ID, e.Index = s.id(), a.index
	e.Type = message.Choice
	s.result = e.Result
	s.push(Event{e, w.stats(s.begun, s.decoding[a.index], *e.Usage)})
	if s.left--; s.left > 0 {
		return
	}
	done := message.Event{Type: message.Done, ID: s.id(), FinishReason: s.reason, Usage: s.usage, Result: s.result}
	s.push(Event{done, w.stats(s.begun, earliest(s.decoding), *s.usage)})
	s.end(s.failed)
}

// addUsage is the usage of answers to one prompt, which is counted once.
func addUsage(sum, u *message.Usage) *message.Usage {
	if sum == nil {
		return u
	}
	total := *sum
	total.CompletionTokens += u.CompletionTokens
	total.ReasoningTokens += u.ReasoningTokens
	return &total
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
