package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu/gputest"
	"tabseek/server/commandline/commandtest"
	"tabseek/web"
)

type outcome = commandtest.Outcome

func command(args ...string) outcome {
	var stdout, stderr bytes.Buffer
	status := execute(context.Background(), args, streams{&stdout, &stderr})
	return outcome{Status: status, Stdout: stdout.String(), Stderr: stderr.String()}
}

// requireFailure demands a failure of the command of that name.
func requireFailure(t *testing.T, o outcome, status int, name, want string) {
	t.Helper()
	o.RequireFailure(t, status, "tabseek-headless "+name, want)
}

func needWasm(t *testing.T) {
	t.Helper()
	_, err := web.Engine()
	need.Have(t, need.Page, err)
}

// write writes a file of the test's own and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string // of the line on stderr; "" for the whole usage
	}{
		{"no command", nil, ""},
		{"unknown command", []string{"dance"}, `unknown command "dance"`},
		{"run: no model", []string{"run"}, "MODEL is missing"},
		{"run: no prompt", []string{"run", "m"}, "PROMPT is missing"},
		{"run: two prompts", []string{"run", "m", "a", "b"}, `unexpected argument "b"`},
		{"run: prompt and tokens", []string{"run", "m", "a", "--tokens", "f"}, "both a prompt and --tokens"},
		{"run: no such flag", []string{"run", "m", "a", "--beams", "4"}, "-beams"},
		{"run: no value", []string{"run", "m", "a", "--seed"}, "needs an argument"},
		{"run: no tokens to generate", []string{"run", "m", "a", "--max-tokens", "0"}, "must be an integer from 1 on"},
		{"run: half a token", []string{"run", "m", "a", "--max-tokens", "1.5"}, "must be an integer from 1 on"},
		{"run: temperature below zero", []string{"run", "m", "a", "--temperature", "-1"}, "from 0 to 100"},
		{"run: temperature is not a number", []string{"run", "m", "a", "--temperature", "NaN"}, "from 0 to 100"},
		{"run: top-p above one", []string{"run", "m", "a", "--top-p", "1.1"}, "from 0 to 1"},
		{"run: half a top-k", []string{"run", "m", "a", "--top-k", "0.5"}, "must be an integer from 0 to"},
		{"run: min-p above one", []string{"run", "m", "a", "--min-p", "2"}, "must be a number from 0 to 1"},
		{"run: no answer", []string{"run", "m", "a", "--n", "0"}, "must be an integer from 1 to 128"},
		{"run: seed past 32 bits", []string{"run", "m", "a", "--seed", "4294967296"}, "from 0 to"},
		{"run: unknown device", []string{"run", "m", "a", "--device", "cpu"}, "--device cpu: must be native or ref or null"},
		{"logits: a device that computes nothing", []string{"logits", "m", "--tokens", "f", "--out", "o", "--device", "null"}, "--device null: must be native or ref"},
		{"run: negative context", []string{"run", "m", "a", "--context", "-1"}, "--context -1"},
		{"run: negative chunk", []string{"run", "m", "a", "--chunk", "-1"}, "--chunk -1"},
		{"run: two things at once", []string{"run", "m", "--device", "cpu"}, "PROMPT is missing"},
		{"run: no such strategy", []string{"run", "m", "a", "--strategy", "poll"}, `--strategy is "poll", must be single, vote`},
		{"run: no such stop", []string{"run", "m", "a", "--strategy", "vote", "--stop", "soon"}, `--stop is "soon", must be none`},
		{"run: too many traces", []string{"run", "m", "a", "--strategy", "vote", "--n", "129"}, "must be an integer from 1 to 128"},
		{"run: m beyond n", []string{"run", "m", "a", "--strategy", "short_m", "--n", "2", "--m", "3"}, "--m is 3, must be at most n, which is 2"},
		{"run: a budget below zero", []string{"run", "m", "a", "--budget", "-1"}, "must be an integer from 0 on"},
		{"run: no such effort", []string{"run", "m", "a", "--effort", "huge"}, `--effort is "huge", must be none`},
		{"run: no such verifier", []string{"run", "m", "a", "--strategy", "vote", "--verifier", "oracle"}, "--verifier oracle: must be arithmetic, countdown, json:FILE or regex:PATTERN"},
		{"run: a verifier alone", []string{"run", "m", "a", "--verifier", "countdown"}, "are for a --strategy"},
		{"run: a strategy for ids", []string{"run", "m", "--tokens", "f", "--strategy", "vote"}, "--strategy is for a prompt of words"},
		{"eval: no file", []string{"eval", "m"}, "FILE.jsonl is missing"},
		{"eval: no such strategy", []string{"eval", "m", "f", "--strategies", "single,poll"}, `"poll": strategy.mode is "poll"`},
		{"eval: no such word", []string{"eval", "m", "f", "--strategies", "vote:8:decided:x"}, `has "x", which is none of`},
		{"eval: a strategy twice", []string{"eval", "m", "f", "--strategies", "vote,vote"}, `"vote" is there twice`},
		{"eval: fewer than none", []string{"eval", "m", "f", "--limit", "-1"}, "--limit -1"},
		{"logits: no model", []string{"logits"}, "MODEL is missing"},
		{"logits: no tokens", []string{"logits", "m", "--out", "f"}, "--tokens is missing"},
		{"logits: no output", []string{"logits", "m", "--tokens", "f"}, "--out is missing"},
		{"logits: unknown mode", []string{"logits", "m", "--tokens", "f", "--out", "o", "--mode", "fast"}, "--mode fast"},
		{"logits: argument", []string{"logits", "m", "x", "--tokens", "f", "--out", "o"}, `unexpected argument "x"`},
		{"bench: no model", []string{"bench", "--json"}, "MODEL is missing"},
		{"bench: no prompt", []string{"bench", "m", "--prompt", "0"}, "--prompt 0"},
		{"bench: nothing generated", []string{"bench", "m", "--generate", "0"}, "--generate 0"},
		{"bench: an empty batch", []string{"bench", "m", "--batch", "0"}, "--batch 0: must be at least 1"},
		{"serve: no model", []string{"serve"}, "MODEL is missing"},
		{"serve: no sequences", []string{"serve", "m", "--sequences", "0"}, "--sequences 0: must be at least 1"},
		{"serve: negative queue", []string{"serve", "m", "--queue", "-1"}, "--queue -1: must not be negative"},
		{"selftest: argument", []string{"selftest", "x"}, `unexpected argument "x"`},
		{"selftest: flag of another command", []string{"selftest", "--context", "1"}, "-context"},
	} {
		t.Run(c.name, func(t *testing.T) {
			command(c.args...).RequireUsage(t, usage, c.want)
		})
	}
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"run", "--help"}, {"selftest", "-h"}} {
		require.Equal(t, outcome{Stdout: usage}, command(args...), args)
	}
}

func TestFailures(t *testing.T) {
	needWasm(t)
	model := enginetest.PackTiny(t)
	tokens := write(t, "tokens.json", "[256, 1, 2]")
	out := filepath.Join(t.TempDir(), "out.f32")
	damaged := enginetest.PackTiny(t)
	shards, err := filepath.Glob(filepath.Join(damaged, "sha256-*.bin"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(shards[0], 256))
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown model", []string{"run", "no-such-model", "hi"}, `no model "no-such-model": neither a packed folder nor the built-in pocket`},
		{"model is a file", []string{"run", tokens, "hi"}, "is a file, want a packed folder"},
		{"model is any folder", []string{"run", t.TempDir(), "hi"}, "not a packed folder"},
		{"damaged model", []string{"run", damaged, "hi"}, "has 256 bytes, expected "},
		{"no such tokens", []string{"run", model, "--tokens", "no-such-file"}, "--tokens: open no-such-file"},
		{"tokens are not JSON", []string{"run", model, "--tokens", write(t, "t.json", "1 2 3")}, "want an array of ids"},
		{"tokens are an object", []string{"run", model, "--tokens", write(t, "t.json", `{"tokens":[1]}`)}, "want an array of ids"},
		{"tokens are text", []string{"run", model, "--tokens", write(t, "t.json", `["a"]`)}, "want an array of ids"},
		{"half a token", []string{"run", model, "--tokens", write(t, "t.json", `[1.5]`)}, "want an array of ids"},
		{"no tokens", []string{"run", model, "--tokens", write(t, "t.json", `[]`)}, "holds no ids"},
		{"token past the vocabulary", []string{"run", model, "--tokens", write(t, "t.json", `[1, 262]`)}, "token 1 of the prompt is 262, the vocabulary has ids 0 to 261"},
		{"negative token", []string{"run", model, "--tokens", write(t, "t.json", `[-1]`)}, "tokens[0] is -1"},
		{"prompt longer than the context", []string{"run", model, strings.Repeat("x", 300)}, "the prompt has 303 tokens"},
		{"context beyond the model's", []string{"run", model, "hi", "--context", "5000"}, "context is 5000, the model takes 1 to 256"},
		{"no guest", []string{"run", model, "hi", "--wasm", "no-such.wasm"}, "no-such.wasm"},
		{"not a guest", []string{"run", model, "hi", "--wasm", tokens}, "engine.wasm: "},
		{"logits: nowhere to write", []string{"logits", model, "--tokens", tokens, "--out", "no-such-folder/out"}, "no-such-folder"},
		{"logits: onto a folder", []string{"logits", model, "--tokens", tokens, "--out", t.TempDir()}, "is a directory"},
		{"logits: full disk", []string{"logits", model, "--tokens", tokens, "--out", "/dev/full"}, "no space left on device"},
		{"logits: token past the vocabulary", []string{"logits", model, "--tokens", write(t, "t.json", `[999]`), "--out", out}, "token 0 of the prompt is 999"},
		{"logits: more than the context", []string{"logits", model, "--tokens", tokens, "--out", out, "--context", "2"}, "the prompt has 3 tokens"},
		{"bench: a larger batch than a step has rows", []string{"bench", model, "--batch", "65"}, "--batch 65: the engine computes "},
		{"serve: no key in the variable", []string{"serve", model, "--api-key-env", "TABSEEK_NO_SUCH_KEY"}, "--api-key-env TABSEEK_NO_SUCH_KEY: the variable is empty"},
		{"serve: no such address", []string{"serve", model, "--addr", "256.0.0.1:1"}, "cannot listen on 256.0.0.1:1"},
		{"serve: unknown model", []string{"serve", "no-such-model", "--addr", "127.0.0.1:0"}, `no model "no-such-model"`},
		{"run: no such schema", []string{"run", model, "hi", "--strategy", "vote", "--verifier", "json:no-such-file"}, "--verifier: open no-such-file"},
		{"run: no schema", []string{"run", model, "hi", "--strategy", "vote", "--verifier", "json:" + tokens}, "strategy.verifier.schema is no schema that is known here: it must be an object, true or false"},
		{"run: no pattern", []string{"run", model, "hi", "--strategy", "vote", "--verifier", "regex:("}, "strategy.verifier.pattern is no regular expression"},
		{"run: nothing to verify", []string{"run", model, "hi", "--strategy", "vote", "--verifier", "countdown"}, "strategy.verifier is countdown, but the question has no numbers with a target"},
		{"eval: no such file", []string{"eval", model, "no-such-file"}, "no-such-file"},
		{"eval: no questions", []string{"eval", model, write(t, "q.jsonl", "{}")}, "line 1: question is missing"},
		{"bench: prompt longer than the context", []string{"bench", model, "--prompt", "1000", "--generate", "1"}, "the prompt has 1000 tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireFailure(t, command(append(c.args, "--device", "ref")...), 1, c.args[0], c.want)
		})
	}
	left, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Empty(t, left, "a failure leaves no rows behind")
}

func TestRun(t *testing.T) {
	needWasm(t)
	model := enginetest.PackTiny(t)
	o := command("run", model, "--tokens", write(t, "t.json", "[256,72,105]"), "--device", "ref", "--max-tokens", "12", "--temperature", "0", "--json")
	require.Zero(t, o.Status, o.Stderr)
	require.Empty(t, o.Stderr)
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &answer), "stdout is one JSON value")
	for _, name := range []string{"text", "reasoning", "tokens", "finish_reason", "stats"} {
		require.Contains(t, answer, name)
	}
	stats := answer["stats"].(map[string]any)
	for _, name := range strings.Fields(`prompt_tokens completion_tokens prefill_seconds decode_seconds load_seconds dispatches submits readbacks
		guest_calls guest_seconds weight_bytes kv_bytes_per_token guest_heap_bytes`) {
		require.IsType(t, 0.0, stats[name], name)
		require.Positive(t, stats[name], name)
	}
	require.NotEmpty(t, stats["device"])
	require.NotEmpty(t, stats["profile"])
	require.EqualValues(t, len(answer["tokens"].([]any)), stats["completion_tokens"])
	require.EqualValues(t, 3, stats["prompt_tokens"])

	// A prompt of words, and the same prompt as ids, have the same answer.
	flags := []string{"--device", "ref", "--max-tokens", "12", "--seed", "5", "--temperature", "0.8", "--top-p", "0.9"}
	text := command(append([]string{"run", model, "--", "-h"}, flags...)...)
	require.Equal(t, 2, text.Status, "after -- there are no flags")
	text = command(append(append([]string{"run"}, flags...), model, "Hi")...)
	require.Zero(t, text.Status, text.Stderr)
	require.NotEmpty(t, text.Stdout)
	again := command(append(append([]string{"run", model}, flags...), "Hi")...)
	require.Equal(t, text, again)

	// Several answers have the seeds from the first on, and the first is the one there would be alone.
	several := command(append([]string{"run", model, "Hi", "--n", "2", "--json"}, flags...)...)
	require.Zero(t, several.Status, several.Stderr)
	type part struct {
		Text   string
		Tokens []int
	}
	var all struct {
		part
		Choices []part
	}
	require.NoError(t, json.Unmarshal([]byte(several.Stdout), &all))
	require.Len(t, all.Choices, 2)
	require.Equal(t, all.part, all.Choices[0])
	require.Equal(t, strings.TrimSuffix(text.Stdout, "\n"), strings.TrimSuffix(all.Text, "\n"))
	require.NotEqual(t, all.Choices[0].Tokens, all.Choices[1].Tokens)
}

func TestLogits(t *testing.T) {
	needWasm(t)
	model, tokens := enginetest.PackTiny(t), write(t, "t.json", "[256,72,105,33,10]")
	read := func(mode string) (logits, drafts []byte) {
		dir := t.TempDir()
		main, draft := filepath.Join(dir, "logits.f32"), filepath.Join(dir, "draft.f32")
		o := command("logits", model, "--tokens", tokens, "--out", main, "--draft", draft, "--mode", mode, "--device", "ref")
		require.Equal(t, outcome{}, o)
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, list, 2)
		logits, err = os.ReadFile(main)
		require.NoError(t, err)
		drafts, err = os.ReadFile(draft)
		require.NoError(t, err)
		return logits, drafts
	}
	logits, drafts := read("prefill")
	require.Len(t, logits, 5*4*enginetest.TinyVocab)
	require.Len(t, drafts, 4*4*enginetest.TinyVocab, "the last token has no draft")
	oneByOne, itsDrafts := read("decode")
	requireClose(t, logits, oneByOne)
	requireClose(t, drafts, itsDrafts)
}

func requireClose(t *testing.T, a, b []byte) {
	t.Helper()
	require.LessOrEqual(t, enginetest.Worst([][]float32{enginetest.Floats(a)}, [][]float32{enginetest.Floats(b)}), enginetest.GoldenBound)
}

func TestGolden(t *testing.T) {
	needWasm(t)
	for _, name := range need.Goldens {
		t.Run(name, func(t *testing.T) {
			golden := enginetest.ReadGolden(t, name)
			tokens, err := json.Marshal(golden.Tokens)
			require.NoError(t, err)
			o := command("run", enginetest.PackChat(t, golden.Folder), "--tokens", write(t, "t.json", string(tokens)), "--max-tokens", "16", "--temperature", "0", "--json", "--device", "ref")
			require.Zero(t, o.Status, o.Stderr)
			var answer struct{ Tokens []int }
			require.NoError(t, json.Unmarshal([]byte(o.Stdout), &answer))
			require.Equal(t, golden.Answer(), answer.Tokens)
		})
	}
}

func TestBench(t *testing.T) {
	needWasm(t)
	o := command("bench", enginetest.PackTiny(t), "--prompt", "20", "--generate", "8", "--json", "--device", "ref")
	require.Zero(t, o.Status, o.Stderr)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &got))
	for _, name := range []string{
		"prefill_tokens_per_second", "decode_tokens_per_second", "dispatches_per_layer_token", "submits_per_token", "guest_seconds_per_token",
		"bytes_per_token", "gb_per_second", "layers", "prompt_tokens", "completion_tokens", "weight_bytes",
	} {
		require.IsType(t, 0.0, got[name], name)
		require.Positive(t, got[name], name)
	}
	require.NotEmpty(t, got["device"])
	require.Len(t, got["experts"], 1, "the tiny model has one layer of experts")
	layer := got["experts"].([]any)[0].(map[string]any)
	require.EqualValues(t, 1, layer["layer"])
	require.Positive(t, layer["most"])

	o = command("bench", enginetest.PackTiny(t), "--prompt", "20", "--generate", "8", "--batch", "3", "--json", "--device", "ref")
	require.Zero(t, o.Status, o.Stderr)
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &got))
	require.EqualValues(t, 24, got["completion_tokens"], "of all answers")
	require.EqualValues(t, 20, got["prompt_tokens"])
}

// All cases are nativegpu's test; here only how selftest tells of them, and that it can be stopped.
func TestSelftest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var stdout, stderr bytes.Buffer
	status := execute(ctx, []string{"selftest", "--device", "ref"}, streams{writerFunc(func(p []byte) (int, error) {
		cancel()
		return stdout.Write(p)
	}), &stderr})
	require.Equal(t, 1, status)
	replays, err := gputest.Replays()
	require.NoError(t, err)
	require.Equal(t, "ok   "+replays[0].Name+"\n", stdout.String())
	require.Equal(t, "device: Go reference (reference)\ntabseek-headless selftest: context canceled\n", stderr.String())
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestBrokenStdout(t *testing.T) {
	needWasm(t)
	var stderr bytes.Buffer
	status := execute(context.Background(), []string{"run", enginetest.PackTiny(t), "hi", "--device", "ref", "--max-tokens", "4", "--json"}, streams{failingWriter{}, &stderr})
	require.Equal(t, 1, status)
	require.Equal(t, "tabseek-headless run: stdout: no space left on device\n", stderr.String())
}

// Interrupted, run prints what there is, and fails.
func TestInterrupted(t *testing.T) {
	needWasm(t)
	model := enginetest.PackTiny(t)
	ctx, cancel := context.WithCancel(context.Background())
	var stdout, stderr bytes.Buffer
	status := execute(ctx, []string{"run", model, "hi", "--device", "ref", "--temperature", "0", "--chunk", "1"}, streams{writerFunc(func(p []byte) (int, error) {
		cancel()
		return stdout.Write(p)
	}), &stderr})
	require.Equal(t, 1, status)
	require.True(t, strings.HasSuffix(stdout.String(), "\n"), "%q", stdout.String())
	require.Equal(t, "tabseek-headless run: context canceled\n", stderr.String())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Told to end, serve lets an answer that is under way come to its end.
func TestServe(t *testing.T) {
	needWasm(t)
	t.Setenv("TABSEEK_TEST_KEY", "s3cret")
	ctx, end := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		defer in.Close()
		status <- execute(ctx, []string{"serve", enginetest.PackTiny(t), "--addr", "127.0.0.1:0", "--api-key-env", "TABSEEK_TEST_KEY", "--device", "ref", "--chunk", "1"}, streams{in, &stderr})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	name, address, ok := strings.Cut(strings.TrimSpace(line), " answers at ")
	require.True(t, ok, line)
	require.NotEmpty(t, name)
	request, err := http.NewRequestWithContext(t.Context(), "POST", address+"/chat/completions", strings.NewReader(`{"messages":[{"role":"user","content":"Hi"}],"max_tokens":60,"ignore_eos":true,"stream":true}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer s3cret")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 200, response.StatusCode)
	end()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `"finish_reason":"length"`)
	require.True(t, strings.HasSuffix(string(body), "data: [DONE]\n\n"))
	require.Equal(t, 0, <-status, stderr.String())
	_, err = http.Get(address + "/models")
	require.Error(t, err)
	require.Contains(t, stderr.String(), "path=/v1/chat/completions status=200")
	require.NotContains(t, stderr.String(), "s3cret")
}
