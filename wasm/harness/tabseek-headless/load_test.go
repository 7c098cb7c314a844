package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu/nativegpu"
)

// asCommand has the test's binary be the command, so that a test can run it as a process of its own.
const asCommand = "TABSEEK_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestLoad has many clients ask at once, and bad ones among them: each gets what it would get alone, and the server
// answers afterwards as it did before. It takes a few seconds; TABSEEK_LOAD=2m asks for so long, and for more of all.
func TestLoad(t *testing.T) {
	needWasm(t)
	device, err := nativegpu.Open(nativegpu.Options{})
	need.Have(t, need.GPU, err)
	device.Close()
	clients, malformed, aborted, long := 12, 50, 10, time.Second
	thorough := os.Getenv("TABSEEK_LOAD")
	if thorough != "" {
		clients, malformed, aborted = 64, 1000, 200
		long, err = time.ParseDuration(thorough)
		require.NoError(t, err)
	}
	s := startProcess(t, "serve", "pocket", "--addr", "127.0.0.1:0")
	cases := s.casesAlone(t)
	var single []time.Duration
	for _, c := range cases {
		single = append(single, c.first)
	}
	var wait sync.WaitGroup
	crowd := newCrowd(s, cases)
	start := time.Now()
	for i := range clients {
		wait.Go(func() { crowd.ask(uint64(i), start.Add(long)) })
	}
	time.Sleep(long / 4)
	before := s.memory(t)
	wait.Wait()
	took, after := time.Since(start), s.memory(t)
	require.NoError(t, crowd.failure)
	t.Logf("%d clients: %d answers, %.0f tokens/s; first token p95 %v, of a single client %v; memory %d MiB, then %d MiB",
		clients, len(crowd.firsts), float64(crowd.tokens)/took.Seconds(), p95(crowd.firsts), p95(single), before>>20, after>>20)
	if thorough != "" {
		require.Less(t, float64(after), 1.1*float64(before), "memory has grown")
		require.Less(t, p95(crowd.firsts), 8*p95(single), "the first token comes late")
	}
	s.sendMalformed(t, malformed)
	s.abort(t, aborted)
	for _, c := range cases {
		again, err := s.chat(t.Context(), c.body)
		require.NoError(t, err)
		require.Equal(t, c.text, again.text, "after the bad ones")
	}
	require.Contains(t, s.metrics(t), "tabseek_answers_running 0\n")
	require.NoError(t, s.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.command.Wait())
}

// A process is the command, serving.
type process struct {
	command *exec.Cmd
	address string // of the API
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.Process.Kill()
			c.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, stderr.String())
	_, address, _ := strings.Cut(strings.TrimSpace(line), " answers at ")
	return &process{c, address}
}

// An asked is a request and what a client gets that asks it alone.
type asked struct {
	body  string
	text  string // reasoning and answer
	count int    // tokens
	first time.Duration
}

func (s *process) casesAlone(t *testing.T) []asked {
	t.Helper()
	var cases []asked
	for _, question := range []string{"What is 47 + 85?", "Use 3, 5, 7 to make 26.", "What is 12 * 13?", "What is 400 - 123?"} {
		for seed := range 2 {
			body := fmt.Sprintf(`{"messages":[{"role":"user","content":%q}],"seed":%d,"temperature":1,"stream":true}`, question, seed)
			alone, err := s.chat(t.Context(), body)
			require.NoError(t, err)
			require.NotEmpty(t, alone.text)
			cases = append(cases, alone)
		}
	}
	return cases
}

// chat asks for a stream and reads it to its end.
func (s *process) chat(ctx context.Context, body string) (asked, error) {
	a := asked{body: body}
	start := time.Now()
	r, err := http.NewRequestWithContext(ctx, "POST", s.address+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return a, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return a, fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			return a, nil
		}
		var chunk struct {
			Choices []struct {
				Delta struct {
					Content   string
					Reasoning string `json:"reasoning_content"`
				}
			}
			Tokens int
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return a, err
		}
		more := chunk.Choices[0].Delta.Reasoning + chunk.Choices[0].Delta.Content
		if a.first == 0 && more != "" {
			a.first = time.Since(start)
		}
		a.text += more
		a.count = chunk.Tokens
	}
	if err := lines.Err(); err != nil {
		return a, err
	}
	return a, fmt.Errorf("the stream ends without its end after %q", a.text)
}

// A crowd is many clients, and what they have seen.
type crowd struct {
	server *process
	cases  []asked

	mutex   sync.Mutex
	firsts  []time.Duration
	tokens  int
	failure error
}

func newCrowd(s *process, cases []asked) *crowd { return &crowd{server: s, cases: cases} }

// ask asks again and again until the end.
func (c *crowd) ask(seed uint64, end time.Time) {
	random := rand.New(rand.NewPCG(seed, 0))
	for time.Now().Before(end) && c.note(c.once(random)) {
	}
}

func (c *crowd) once(random *rand.Rand) (asked, error) {
	alone := c.cases[random.IntN(len(c.cases))]
	got, err := c.server.chat(context.Background(), alone.body)
	if err == nil && got.text != alone.text {
		err = fmt.Errorf("%s: alone the answer is %q, in a crowd %q", alone.body, alone.text, got.text)
	}
	return got, err
}

// note notes an answer; false when somebody has failed.
func (c *crowd) note(a asked, err error) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.failure == nil {
		c.failure = err
	}
	c.firsts = append(c.firsts, a.first)
	c.tokens += a.count
	return c.failure == nil
}

// sendMalformed sends requests with a piece missing or changed. The server refuses them, or takes them for what they
// still are.
func (s *process) sendMalformed(t *testing.T, count int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	whole := `{"model":"pocket","messages":[{"role":"user","content":"What is 1 + 1?"}],"temperature":0.5,"max_tokens":1,"n":1,"stop":["x"],"stream":false,"logprobs":true}`
	refused := 0
	for range count {
		body := []byte(whole)
		switch at := random.IntN(len(body)); random.IntN(3) {
		case 0:
			body = body[:at]
		case 1:
			body[at] = byte(random.IntN(256))
		default:
			body = slices.Delete(body, at, min(at+1+random.IntN(8), len(body)))
		}
		r, err := http.Post(s.address+"/chat/completions", "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, r.Body)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		if r.StatusCode != http.StatusOK {
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, r.StatusCode, "%s", body)
			refused++
		}
	}
	require.Greater(t, refused, count/2)
}

// abort has clients go away, some before they have seen anything.
func (s *process) abort(t *testing.T, count int) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	body := `{"messages":[{"role":"user","content":"What is 47 + 85?"}],"max_tokens":1900,"ignore_eos":true,"stream":true}`
	var wait sync.WaitGroup
	errs := make([]error, count)
	for i := range count {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(300))*time.Millisecond)
		defer cancel()
		wait.Go(func() { _, errs[i] = s.chat(ctx, body) })
	}
	wait.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Eventually(t, func() bool {
		m := s.metrics(t)
		return strings.Contains(m, "tabseek_answers_running 0\n") && strings.Contains(m, "tabseek_answers_waiting 0\n")
	}, 30*time.Second, 10*time.Millisecond)
}

func (s *process) metrics(t *testing.T) string {
	t.Helper()
	r, err := http.Get(strings.TrimSuffix(s.address, "/v1") + "/metrics")
	require.NoError(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(text)
}

// memory is what the process has of the machine's, in bytes.
func (s *process) memory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(status), "VmRSS:")
	require.True(t, ok)
	var kilobytes int
	_, err = fmt.Sscan(rest, &kilobytes)
	require.NoError(t, err)
	return kilobytes << 10
}

func p95(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)*95/100].Round(time.Millisecond)
}
