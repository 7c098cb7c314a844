package openai

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// metrics count what a server does, for Prometheus.
type metrics struct {
	mutex    sync.Mutex
	requests map[served]int
	answers  map[message.FinishReason]int

	prompt, cached, completion, reasoning int // tokens
	heap                                  int64
	first                                 histogram // seconds to the first token
}

// A served is a kind of request that was answered.
type served struct {
	path   string
	status int
}

func newMetrics() *metrics {
	return &metrics{requests: map[served]int{}, answers: map[message.FinishReason]int{}}
}

func (m *metrics) request(path string, status int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.requests[served{path, status}]++
}

// answer counts an answer that has ended.
func (m *metrics) answer(e harness.Event) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.answers[e.FinishReason]++
	if e.Index == 0 { // answers to one prompt share it
		m.prompt += e.Usage.PromptTokens
		m.cached += e.Usage.CachedTokens
	}
	m.completion += e.Usage.CompletionTokens
	m.reasoning += e.Usage.ReasoningTokens
	m.heap = e.Stats.GuestHeapBytes
}

func (m *metrics) firstToken(after time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.first.observe(after.Seconds())
}

// A histogram counts times by the bounds of its buckets.
type histogram struct {
	counts [len(bounds)]int
	count  int
	sum    float64
}

var bounds = [...]float64{0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100}

func (h *histogram) observe(v float64) {
	h.count++
	h.sum += v
	for i, bound := range bounds {
		if v <= bound {
			h.counts[i]++
		}
	}
}

func (s *Server) showMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	running, waiting := s.queue.counts()
	gauge(w, "tabseek_answers_running", "Answers that are computed side by side.", running)
	gauge(w, "tabseek_answers_waiting", "Answers that wait for that.", waiting)
	s.metrics.write(w)
}

// write writes the text format of Prometheus, in an order that stays.
func (m *metrics) write(w io.Writer) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	gauge(w, "tabseek_guest_heap_bytes", "Memory of the engine.", m.heap)
	counter(w, "tabseek_prompt_tokens_total", "Tokens of prompts.", m.prompt)
	counter(w, "tabseek_cached_tokens_total", "Of those, tokens found in the cache.", m.cached)
	counter(w, "tabseek_completion_tokens_total", "Tokens of answers.", m.completion)
	counter(w, "tabseek_reasoning_tokens_total", "Of those, tokens of the reasoning.", m.reasoning)
	title(w, "tabseek_requests_total", "HTTP requests.", "counter")
	for _, k := range slices.SortedFunc(maps.Keys(m.requests), func(a, b served) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.status, b.status))
	}) {
		fmt.Fprintf(w, "tabseek_requests_total{path=%q,status=\"%d\"} %d\n", k.path, k.status, m.requests[k])
	}
	title(w, "tabseek_answers_total", "Answers that have ended.", "counter")
	for _, reason := range slices.Sorted(maps.Keys(m.answers)) {
		fmt.Fprintf(w, "tabseek_answers_total{finish_reason=%q} %d\n", reason, m.answers[reason])
	}
	const name = "tabseek_first_token_seconds"
	title(w, name, "Time from a request to its first token.", "histogram")
	for i, bound := range bounds {
		fmt.Fprintf(w, "%s_bucket{le=\"%g\"} %d\n", name, bound, m.first.counts[i])
	}
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%[1]s_sum %[3]g\n%[1]s_count %[2]d\n", name, m.first.count, m.first.sum)
}

func title(w io.Writer, name, help, kind string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, kind)
}

func gauge[T int | int64](w io.Writer, name, help string, v T) {
	title(w, name, help, "gauge")
	fmt.Fprintf(w, "%s %d\n", name, v)
}

func counter(w io.Writer, name, help string, v int) {
	title(w, name, help, "counter")
	fmt.Fprintf(w, "%s %d\n", name, v)
}
