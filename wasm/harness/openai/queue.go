package openai

import (
	"math"
	"sync"
	"time"
)

// maxHeld is the most bytes of requests that are held: they lie in the memory of the engine, which has 4 GiB.
const maxHeld = 64 << 20

// A queue bounds what is under way and what waits. The engine has all of it: it computes as much side by side as it can,
// and has the others take turns or wait.
type queue struct {
	sequences int // answers that are computed side by side
	bound     int // answers there may be

	mutex   sync.Mutex
	answers int
	bytes   int
	seconds float64 // that a request took of late
}

func newQueue(sequences, waiting int) *queue {
	return &queue{sequences: sequences, bound: sequences + waiting}
}

// join takes a place for a request of so many answers and bytes, until leave is called, once or more often; nil where there is no
// room.
func (q *queue) join(answers, bytes int) (leave func()) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.answers+answers > q.bound || q.bytes+bytes > maxHeld {
		return nil
	}
	q.answers += answers
	q.bytes += bytes
	since := time.Now()
	return sync.OnceFunc(func() {
		q.mutex.Lock()
		defer q.mutex.Unlock()
		q.answers -= answers
		q.bytes -= bytes
		q.seconds += (time.Since(since).Seconds() - q.seconds) / 8
	})
}

// counts are how many answers are being computed and how many wait.
func (q *queue) counts() (running, waiting int) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	running = min(q.answers, q.sequences)
	return running, q.answers - running
}

// retryAfter is after how many seconds there is likely to be room again, by what requests took of late.
func (q *queue) retryAfter() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return int(math.Ceil(min(max(q.seconds, 1), 60)))
}
