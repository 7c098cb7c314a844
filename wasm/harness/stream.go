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
	id       uint32
	onLogits func(message.LogitsRow) error

	// The worker's.
	begun    counters
	decoding map[int]counters // by answer, when its first step was submitted
	failed   error            // of onLogits

	mutex  sync.Mutex
	events []Event
	ended  error         // io.EOF: as it should
	wake   chan struct{} // holds something while there may be news
	stop   func() bool   // stops watching the caller's context
}

// Start begins a request: chat or generate. Its ID is the host's to choose. It may ask for several answers, which the
// events' Index tells apart. When ctx ends, or Close is called, the request is cancelled, and the rows that worked on it
// are free with the next submit.
func (h *Host) Start(ctx context.Context, r message.Request) *Stream { return h.start(ctx, r, nil) }

func (h *Host) start(ctx context.Context, r message.Request, onLogits func(message.LogitsRow) error) *Stream {
	s := &Stream{host: h, id: h.lastRequest.Add(1), onLogits: onLogits, decoding: map[int]counters{}, wake: make(chan struct{}, 1)}
	r.ID = s.id
	err := r.Validate()
	if err == nil {
		err = h.mailbox.put(order{s, r})
	}
	if err != nil {
		s.end(err)
	}
	if ctx.Err() != nil {
		s.cancel() // before a step of it is done
	}
	s.stop = context.AfterFunc(ctx, s.cancel)
	return s
}

// Tell has the guest told something of the request while it is under way, such as cancel; afterwards it does nothing.
func (s *Stream) Tell(what message.RequestType) {
	s.host.mailbox.put(order{s, message.Request{Type: what, ID: s.id}}) // a closed host has ended it
}

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
		s.Tell(message.Cancel)
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
