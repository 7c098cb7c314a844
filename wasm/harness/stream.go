package harness

import (
	"context"
	"io"
	"sync"

	"tabseek/engine/message"
)

// An Event is the engine's, with what an answer took where one has ended.
type Event struct {
	message.Event
	Stats *message.Stats // choice; done: of all answers
}

// A Stream is what comes of one request, in order. Its events are kept until they are read, so a slow reader keeps nobody
// else waiting.
type Stream struct {
	host     *Host
	requests []message.Request // as the guest sees them: one for each answer
	onLogits func(message.LogitsRow) error

	// The worker's.
	begun    counters
	decoding []counters // by answer, when its first step was submitted
	left     int        // answers that have not ended
	usage    *message.Usage
	reason   message.FinishReason
	result   *message.Result // of a strategy
	failed   error           // of onLogits

	mutex  sync.Mutex
	events []Event
	ended  error         // io.EOF: as it should
	wake   chan struct{} // holds something while there may be news
	stop   func() bool   // stops watching the caller's context
}

// Start begins a request: chat or generate. Its ID is the host's to choose. It may ask for n answers, which the events'
// Index tells apart. When ctx ends, or Close is called, the request is cancelled, and what of it works for nobody is
// freed with the next submit.
func (h *Host) Start(ctx context.Context, r message.Request) *Stream { return h.start(ctx, r, nil) }

func (h *Host) start(ctx context.Context, r message.Request, onLogits func(message.LogitsRow) error) *Stream {
	s := &Stream{host: h, onLogits: onLogits, wake: make(chan struct{}, 1)}
	if err := h.order(s, r); err != nil {
		s.end(err)
	}
	if ctx.Err() != nil {
		s.cancel() // before a step of it is done
	}
	s.stop = context.AfterFunc(ctx, s.cancel)
	return s
}

func (h *Host) order(s *Stream, r message.Request) error {
	if err := r.Params.Validate(); err != nil {
		return err
	}
	s.requests = split(r)
	if err := s.requests[0].Validate(); err != nil {
		return err
	}
	for i := range s.requests {
		s.requests[i].ID = h.lastRequest.Add(1)
	}
	s.left, s.decoding = len(s.requests), make([]counters, len(s.requests))
	return h.mailbox.put(order{stream: s})
}

// split is a request for several answers as requests for one: answer i has the seed after the first's by i. How answers
// are handed on is no matter of the guest.
func split(r message.Request) []message.Request {
	n := 1
	if r.Params.N != nil {
		n = *r.Params.N
	}
	r.Params.N, r.Params.Delivery = nil, message.Delivery{}
	requests := make([]message.Request, n)
	for i := range requests {
		requests[i] = r
		if r.Params.Seed != nil {
			seed := *r.Params.Seed + uint32(i)
			requests[i].Params.Seed = &seed
		}
	}
	return requests
}

func (s *Stream) id() uint32 { return s.requests[0].ID }

// Next waits for the next event. The last one is done, after which Next returns io.EOF; a request that fails ends with
// its error in place of that. When ctx ends before there is an event, that is the error, and the request goes on.
func (s *Stream) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok, err := s.take(); ok || err != nil {
			return e, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// Close ends the request if it is still under way. Its events can be read on.
func (s *Stream) Close() {
	s.stop()
	s.cancel()
}

func (s *Stream) cancel() {
	s.mutex.Lock()
	ended := s.ended != nil
	s.mutex.Unlock()
	if !ended {
		s.host.mailbox.put(order{s, true}) // a closed host has ended it
	}
}

// take is the next event if there is one, or the end after the last.
func (s *Stream) take() (e Event, ok bool, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.events) == 0 {
		return e, false, s.ended
	}
	e, s.events = s.events[0], s.events[1:]
	return e, true, nil
}

func (s *Stream) push(e Event) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended != nil {
		return
	}
	s.events = append(s.events, e)
	s.ring()
}

// end ends the stream, with nil as it should. The first end holds.
func (s *Stream) end(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err == nil {
		err = io.EOF
	}
	if s.ended == nil {
		s.ended = err
	}
	s.ring()
}

func (s *Stream) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
