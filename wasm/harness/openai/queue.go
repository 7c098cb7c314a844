package openai

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"tabseek/wasm/harness"
)

// A queue lets so many answers in at a time, and has a bounded number wait: first come, first served.
//
// Those inside are the host's: the ones that it computes side by side and, as far as the bound allows, as many that it can
// begin without a pause when those end. The others wait here, where they cost nothing.
type queue struct {
	sequences int // answers that are computed side by side
	inside    int // answers that may be inside
	bound     int // answers there may be, inside or not

	mutex   sync.Mutex
	held    int      // answers inside
	line    []*place // of those that wait, in order
	waiting int      // answers in the line
	seconds float64  // that an answer took of late
}

// A place is a request's in the queue.
type place struct {
	queue   *queue
	answers int
	turn    chan struct{} // closed when the request is let in
	since   time.Time     // it was let in
}

func newQueue(sequences, waiting int) *queue {
	return &queue{sequences: sequences, inside: sequences + min(sequences, waiting), bound: sequences + waiting}
}

// join takes a place for a request of so many answers; nil where there is no room.
func (q *queue) join(answers int) *place {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.held+q.waiting+answers > q.bound {
		return nil
	}
	p := &place{queue: q, answers: answers, turn: make(chan struct{})}
	q.line = append(q.line, p)
	q.waiting += answers
	q.letIn()
	return p
}

// letIn lets in those whose turn it is. A request of more answers than may be inside is let in alone.
func (q *queue) letIn() {
	for len(q.line) > 0 {
		p := q.line[0]
		if q.held > 0 && q.held+p.answers > q.inside {
			return
		}
		q.line = q.line[1:]
		q.waiting -= p.answers
		q.held += p.answers
		p.since = time.Now()
		close(p.turn)
	}
}

// wait waits for the turn.
func (p *place) wait(ctx, stopping context.Context) error {
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-stopping.Done():
		return harness.ErrClosed
	}
}

// leave gives the place up, whether it has been let in or not.
func (p *place) leave() {
	q := p.queue
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if i := slices.Index(q.line, p); i >= 0 {
		q.line = slices.Delete(q.line, i, i+1)
		q.waiting -= p.answers
	} else {
		q.held -= p.answers
		q.seconds += (time.Since(p.since).Seconds() - q.seconds) / 8
	}
	q.letIn()
}

// counts are how many answers are being computed and how many wait.
func (q *queue) counts() (running, waiting int) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	running = min(q.held, q.sequences)
	return running, q.held + q.waiting - running
}

// retryAfter is after how many seconds there is likely to be room again: when as many answers have ended as are computed
// side by side, by what they took of late.
func (q *queue) retryAfter() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return int(math.Ceil(min(max(q.seconds, 1), 60)))
}
