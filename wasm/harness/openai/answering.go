package openai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

const (
	readTimeout  = 30 * time.Second // for a request's body
	writeTimeout = 30 * time.Second // for each part of an answer: a client that reads nothing loses its place
	silence      = 10 * time.Second // after so long without news, a stream says that it is alive
)

// A call is a request as an endpoint has read it: one of the engine, or several, if it has several prompts.
type call struct {
	model    string // that is asked for; empty: the one there is
	delivery message.Delivery
	requests []message.Request
	size     int // of its body, in bytes
	form     form
}

// A form is how an endpoint writes what comes of a call: as chunks, or as a whole. Answers are told apart by their index
// among all of the call's.
type form interface {
	// begin are the chunks before all others of an answer.
	begin(index int) []any
	// chunks are those of an event.
	chunks(index int, e harness.Event) []any
	// usage is the chunk after the last, for those who want it.
	usage(message.Usage) any

	// add takes an event into the whole.
	add(index int, e harness.Event)
	whole(message.Usage) any
}

// total is how many answers the call has.
func (c *call) total() int { return c.requests[0].Answers() * len(c.requests) }

// sequences is how many answers the engine computes for the call: those that a strategy makes one of count, too.
func (c *call) sequences() int {
	if strategy := c.requests[0].Params.Strategy; strategy != nil {
		return strategy.Traces()
	}
	return c.total()
}

// index is which of the call's answers a report is of.
func (c *call) index(r report) int { return r.request*c.requests[0].Answers() + r.event.Index }

// includeUsage tells whether a stream ends with a chunk that has the usage.
func (c *call) includeUsage() bool {
	return c.delivery.StreamOptions != nil && c.delivery.StreamOptions.IncludeUsage
}

// noUsage is what the other chunks say of it: null where it comes at the end, and else nothing.
func (c *call) noUsage() any {
	if c.includeUsage() {
		return (*usage)(nil)
	}
	return nil
}

// readBody reads the body of a request, as far as the engine reads requests.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *failure) {
	controller := http.NewResponseController(w)
	controller.SetReadDeadline(time.Now().Add(readTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, message.MaxRequestBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fail(http.StatusRequestEntityTooLarge, "request_too_large", "the request has more than %d bytes", large.Limit)
	case err != nil:
		return nil, fail(http.StatusBadRequest, string(message.BadRequest), "the request ends too early")
	}
	controller.SetReadDeadline(time.Time{}) // an answer takes as long as it takes
	return body, nil
}

// answer answers a call as soon as there is room.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *call) {
	if name := c.model; name != "" && name != s.Model {
		noModel(name).write(w)
		return
	}
	if c.sequences() > s.queue.bound {
		failureOf(message.Refuse("n", "asks for %d answers, this server takes at most %d at once", c.sequences(), s.queue.bound)).write(w)
		return
	}
	if s.stopping.Err() != nil {
		failureOf(harness.ErrClosed).write(w)
		return
	}
	leave := s.queue.join(c.sequences(), c.size)
	if leave == nil {
		f := fail(http.StatusTooManyRequests, "queue_full", "%d answers are under way or wait, there is no room for more", s.queue.bound)
		f.header = http.Header{"Retry-After": {strconv.Itoa(s.queue.retryAfter())}}
		f.write(w)
		return
	}
	defer leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel() // frees what is left of it, whatever ended it here
	work, stop := context.WithCancel(ctx)
	defer context.AfterFunc(s.stopping, stop)()
	told := s.start(ctx, work, c)
	if c.delivery.Stream {
		s.stream(ctx, w, c, told, leave)
	} else {
		s.complete(ctx, w, c, told, leave)
	}
}

// A report is an event of one of a call's requests, or how it failed.
type report struct {
	request int
	event   harness.Event
	err     error // io.EOF: it has ended as it should
}

// start begins the requests of a call; when work ends, they end early. Their events come mixed, as they are told, until ctx
// ends.
func (s *Server) start(ctx, work context.Context, c *call) <-chan report {
	told := make(chan report)
	since := time.Now()
	for i, request := range c.requests {
		stream := s.Host.Start(work, request)
		go s.read(ctx, i, stream, since, told)
	}
	return told
}

// read tells what comes of a request, until its end or ctx's.
func (s *Server) read(ctx context.Context, request int, stream *harness.Stream, since time.Time, told chan<- report) {
	defer stream.Close()
	begun := false
	for {
		e, err := stream.Next(ctx)
		if err == nil && e.Type == message.Delta && !begun {
			begun = true
			s.metrics.firstToken(time.Since(since))
		}
		if err == nil && e.Type == message.Choice {
			s.metrics.answer(e)
		}
		if !tell(ctx, told, report{request, e, err}) || err != nil {
			return
		}
	}
}

// tell tells a report; false if nobody listens any more.
func tell(ctx context.Context, told chan<- report, r report) bool {
	select {
	case told <- r:
		return true
	case <-ctx.Done():
		return false
	}
}

// complete answers with all of it, once it is there. Its place is free before the client has the answer.
func (s *Server) complete(ctx context.Context, w http.ResponseWriter, c *call, told <-chan report, leave func()) {
	var usage message.Usage
	for open := len(c.requests); open > 0; {
		select {
		case <-ctx.Done():
			return // nobody is there to be told
		case r := <-told:
			switch {
			case errors.Is(r.err, io.EOF):
				open--
			case r.err != nil:
				failureOf(r.err).write(w)
				return
			case r.event.Type == message.Done:
				usage.Add(*r.event.Usage)
			default:
				c.form.add(c.index(r), r.event)
			}
		}
	}
	leave()
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	writeJSON(w, http.StatusOK, c.form.whole(usage))
}

// stream answers with chunks as they come. Before there is anything of the answer, a failure has a status of its own;
// after that it is an event. Its place is free before the client is told that this was all.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter, c *call, told <-chan report, leave func()) {
	out := &events{w: w, controller: http.NewResponseController(w)}
	var usage message.Usage
	begun := make([]bool, c.total())
	for open := len(c.requests); open > 0 && out.err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(silence):
			out.comment("still here")
		case r := <-told:
			switch {
			case errors.Is(r.err, io.EOF):
				open--
			case r.err != nil && !out.begun:
				failureOf(r.err).write(w)
				return
			case r.err != nil:
				out.send(failureOf(r.err).body())
				return
			case r.event.Type == message.Done:
				usage.Add(*r.event.Usage)
			default:
				index := c.index(r)
				chunks := c.form.chunks(index, r.event)
				if len(chunks) > 0 && !begun[index] {
					begun[index] = true
					out.send(c.form.begin(index)...)
				}
				out.send(chunks...)
			}
		}
	}
	leave()
	if c.includeUsage() {
		out.send(c.form.usage(usage))
	}
	out.end()
}

// events writes server-sent events. After a failure it writes no more.
type events struct {
	w          http.ResponseWriter
	controller *http.ResponseController
	begun      bool
	err        error
}

// send sends each value as an event.
func (e *events) send(values ...any) {
	for _, v := range values {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // chunks are plain structs
		}
		e.write("data: " + string(data) + "\n\n")
	}
}

func (e *events) comment(text string) { e.write(": " + text + "\n\n") }

func (e *events) end() { e.write("data: [DONE]\n\n") }

func (e *events) write(text string) {
	if e.err != nil {
		return
	}
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", "text/event-stream")
		e.w.Header().Set("X-Accel-Buffering", "no") // nginx passes it on as it comes
	}
	e.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, e.err = io.WriteString(e.w, text); e.err == nil {
		e.err = e.controller.Flush()
	}
}
