package openai_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/wasm/harness"
	"tabseek/wasm/harness/openai"
	"tabseek/web"
)

// An endpoint is a served model that tests ask.
type endpoint struct {
	*httptest.Server
	api  *openai.Server
	host *harness.Host
	log  *bytes.Buffer // to be read when nothing is asked any more
}

// serve serves a packed model on a device, by so many answers side by side.
func serve(t *testing.T, packed string, device gpu.Device, sequences int, options openai.Options) *endpoint {
	t.Helper()
	wasm, err := web.Engine()
	need.Have(t, need.Page, err)
	host, err := harness.Open(t.Context(), harness.Options{Wasm: wasm, Model: os.DirFS(packed), Device: device, Log: t.Output(), Chunk: 4, Sequences: sequences})
	require.NoError(t, err)
	e := &endpoint{host: host, log: &bytes.Buffer{}}
	options.Host, options.Log = host, slog.New(slog.NewTextHandler(e.log, nil))
	options.Model = "tiny"
	e.api = openai.New(options)
	e.Server = httptest.NewServer(e.api)
	t.Cleanup(func() {
		e.Close()
		require.NoError(t, host.Close(context.Background()))
	})
	return e
}

func serveTiny(t *testing.T, sequences, queue int) *endpoint {
	t.Helper()
	return serve(t, enginetest.PackTiny(t), refgpu.New(), sequences, openai.Options{Queue: queue})
}

// A reply is what came of a request.
type reply struct {
	*http.Response
	body string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v
}

func (e *endpoint) ask(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, e.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response, string(text)}
}

func (e *endpoint) chat(t *testing.T, body string) reply {
	t.Helper()
	return e.ask(t, "POST", "/v1/chat/completions", body)
}

// A completion is what of a chat's completion, or of a chunk of it, tests look at.
type completion struct {
	ID, Object, Model string
	Created           int64
	Choices           []choice
	Tokens            int
	Usage             *usage
	Tabseek           *struct{ Traces []map[string]any }
	Error             *struct{ Message, Type, Param, Code string }
}

type choice struct {
	Index          int
	Message, Delta text
	Logprobs       *struct {
		Content          []logprob
		ReasoningContent []logprob `json:"reasoning_content"`
	}
	FinishReason string `json:"finish_reason"`
}

type text struct {
	Role, Content string
	Reasoning     string `json:"reasoning_content"`
}

type logprob struct {
	Token   string
	Logprob float64
	Bytes   []byte
}

func (l *logprob) UnmarshalJSON(data []byte) error {
	var wide struct {
		Token   string
		Logprob float64
		Bytes   []int
	}
	err := json.Unmarshal(data, &wide)
	l.Token, l.Logprob = wide.Token, wide.Logprob
	for _, b := range wide.Bytes {
		l.Bytes = append(l.Bytes, byte(b))
	}
	return err
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func completionOf(t *testing.T, r reply) completion {
	t.Helper()
	require.Equal(t, http.StatusOK, r.StatusCode, r.body)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	var c completion
	require.NoError(t, json.Unmarshal([]byte(r.body), &c), r.body)
	return c
}

// chunksOf reads a stream that has come to its end.
func chunksOf(t *testing.T, r reply) (chunks []completion, raw []string) {
	t.Helper()
	require.Equal(t, http.StatusOK, r.StatusCode, r.body)
	require.Equal(t, "text/event-stream", r.Header.Get("Content-Type"))
	lines := bufio.NewScanner(strings.NewReader(r.body))
	lines.Buffer(nil, 1<<20)
	done := false
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			require.Empty(t, lines.Text())
			continue
		}
		require.False(t, done, "nothing comes after the end")
		if done = data == "[DONE]"; done {
			continue
		}
		var c completion
		require.NoError(t, json.Unmarshal([]byte(data), &c), data)
		chunks, raw = append(chunks, c), append(raw, data)
	}
	require.True(t, done, r.body)
	return chunks, raw
}
