package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/weights"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string // of the line on stderr; "" for the whole usage
	}{
		{"no command", nil, ""},
		{"unknown command", []string{"dance"}, `unknown command "dance"`},
		{"flag for a command", []string{"--addr"}, `unknown command "--addr"`},
		{"serve: argument", []string{"serve", "x"}, `unexpected argument "x"`},
		{"serve: unknown flag", []string{"serve", "--port", "1"}, "-port"},
		{"serve: flag without value", []string{"serve", "--addr"}, "needs an argument"},
		{"pack: no source", []string{"pack"}, "SRC is missing"},
		{"pack: no destination", []string{"pack", "a"}, "DST is missing"},
		{"pack: too many", []string{"pack", "a", "b", "c"}, `unexpected argument "c"`},
		{"pack: unknown format", []string{"pack", "a", "b", "--quant", "q5"}, `--quant "q5" is none of keep, q8, q4`},
		{"pack: unknown chat", []string{"pack", "a", "b", "--chat", "parrot"}, `--chat "parrot" is none of deepseek-v2,`},
		{"prompt: thinking", []string{"prompt", "m", "--thinking", "perhaps"}, "thinking"},
		{"inspect: no model", []string{"inspect", "--json"}, "MODEL is missing"},
		{"verify: no model", []string{"verify"}, "MODEL is missing"},
		{"synth: unknown shape", []string{"synth", "gpt-2", "dst"}, "SHAPE gpt-2: must be one of deepseek-r1, deepseek-v2-lite, deepseek-v2,"},
		{"synth: no layers", []string{"synth", "youtu-2b", "dst", "--layers", "0"}, "--layers 0: must be at least 1"},
		{"synth: too many layers", []string{"synth", "youtu-2b", "dst", "--layers", "99"}, "youtu-2b has 1 to 32 layers, not 99"},
		{"synth: tiny vocabulary", []string{"synth", "youtu-2b", "dst", "--vocab", "10"}, "--vocab 10: must be 300 to"},
		{"synth: huge buffer", []string{"synth", "youtu-2b", "dst", "--buffer", "9999"}, "--buffer 9999: must be 1 to 2048"},
		{"synth: no destination", []string{"synth", "youtu-2b"}, "DST is missing"},
		{"tokenize: no model", []string{"tokenize"}, "MODEL is missing"},
		{"tokenize: bad flag value", []string{"tokenize", "m", "--special=maybe"}, "special"},
		{"prompt: two models", []string{"prompt", "a", "b"}, `unexpected argument "b"`},
		{"no flags after --", []string{"inspect", "m", "--", "--json"}, `unexpected argument "--json"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			command("", c.args...).RequireUsage(t, usage, c.want)
		})
	}
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"pack", "--help"}, {"serve", "-h"}} {
		require.Equal(t, outcome{Stdout: usage}, command("", args...), args)
	}
}

// Damage to a packed model, as each command that reads it reports it.
func TestDamagedModel(t *testing.T) {
	manifest := func(t *testing.T, dir, old, new string) {
		rewrite(t, filepath.Join(dir, weights.ManifestFile), replacing(t, old, new))
	}
	const everything = "verify inspect tokenize prompt serve"
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		finds  string // the commands that find it
		want   []string
	}{
		{"shard missing", func(t *testing.T, dir string) { require.NoError(t, os.Remove(shardsOf(t, dir)[0])) }, "verify", []string{"sha256-", ".bin: missing"}},
		{"shard cut short", func(t *testing.T, dir string) { require.NoError(t, os.Truncate(shardsOf(t, dir)[0], 4096)) }, "verify", []string{"sha256-", "4096 bytes, want "}},
		{"a byte flipped", func(t *testing.T, dir string) {
			rewrite(t, shardsOf(t, dir)[0], func(b []byte) []byte { b[1000] ^= 1; return b })
		}, "verify", []string{"sha256 is ", "want "}},
		{"a shard too many", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, weights.ShardFile(strings.Repeat("a", 64))), nil, 0o644))
		}, "verify", []string{"extra shard"}},
		{"tokenizer changed", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "tokenizer.bin"), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}, "verify tokenize prompt", []string{"tokenizer.bin", "sha256 is "}},
		{"tokenizer missing", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "tokenizer.bin"))) },
			"verify tokenize prompt", []string{"tokenizer.bin"}},
		{"manifest missing", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "model.json"))) }, everything, []string{"model.json"}},
		{"manifest is not JSON", func(t *testing.T, dir string) { require.NoError(t, os.Truncate(filepath.Join(dir, "model.json"), 100)) }, everything, []string{"model.json: unexpected end"}},
		{"another format", func(t *testing.T, dir string) { manifest(t, dir, "tabseek-model", "other-model") }, everything, []string{`model.json: format is "other-model"`}},
		{"a later version", func(t *testing.T, dir string) { manifest(t, dir, `"version":2`, `"version":3`) }, everything, []string{"version is 3"}},
		{"an earlier version", func(t *testing.T, dir string) { manifest(t, dir, `"version":2`, `"version":1`) }, everything, []string{"version is 1, this program reads 2: pack the model again"}},
		{"shard outside the folder", func(t *testing.T, dir string) { manifest(t, dir, `"file":"sha256-`, `"file":"../sha256-`) }, everything, []string{"../sha256-"}},
		{"tokenizer outside the folder", func(t *testing.T, dir string) { manifest(t, dir, `"file":"tokenizer.bin"`, `"file":"/etc/passwd"`) }, everything, []string{"/etc/passwd"}},
		{"absurd shape", func(t *testing.T, dir string) { manifest(t, dir, `"shape":[64]`, `"shape":[4611686018427387904,64]`) }, everything, []string{"model.json"}},
		{"absurd buffer", func(t *testing.T, dir string) { manifest(t, dir, `"buffers":[{"size":`, `"buffers":[{"size":9`) }, everything, []string{"model.json: buffer 0"}},
		{"unknown number format", func(t *testing.T, dir string) { manifest(t, dir, `"format":"bf16"`, `"format":"bf15"`) }, everything, []string{"bf15"}},
		{"unknown architecture", func(t *testing.T, dir string) { manifest(t, dir, "deepseek_v3", "gpt2") }, "inspect serve", []string{`"gpt2" is not supported`}},
		{"unknown chat family", func(t *testing.T, dir string) { manifest(t, dir, `"chat":"deepseek-v3"`, `"chat":"parrot"`) }, "prompt", []string{`"parrot"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := packTiny(t)
			c.damage(t, dir)
			for _, name := range strings.Fields(c.finds) {
				args := []string{name, dir}
				if name == "serve" {
					args = []string{name, "--addr", "127.0.0.1:0", "--models", dir}
				}
				for _, want := range c.want {
					if name == "serve" && want == "model.json" {
						want = dir // without model.json it is a folder like any other
					}
					requireFailure(t, command(`[{"role":"user","content":"x"}]`, args...), 1, name, want)
				}
			}
		})
	}
}

func TestUnknownModel(t *testing.T) {
	for _, name := range []string{"inspect", "verify", "tokenize", "prompt"} {
		requireFailure(t, command("", name, "no-such-model"), 1, name, `no model "no-such-model"`)
		requireFailure(t, command("", name, t.TempDir()), 1, name, "not a packed model")
		requireFailure(t, command("", name, "main.go"), 1, name, "not a folder")
		requireFailure(t, command("", name, "main.go/x"), 1, name, "not a directory")
	}
}

func TestTokenize(t *testing.T) {
	model := packTiny(t)
	for _, c := range []struct {
		name, input string
		flags       []string
		want        string
	}{
		{"text", "Hi!", nil, "[72,105,33]\n"},
		{"nothing", "", nil, "[]\n"},
		{"not UTF-8", "a\xffb", nil, "[97,255,98]\n"},
		{"special tokens are text", "<think>", nil, "[60,116,104,105,110,107,62]\n"},
		{"special tokens if asked for", "<think>a", []string{"--special"}, "[260,97]\n"},
		{"decode", "[72, 105]", []string{"--decode"}, "Hi"},
		{"decode nothing", "[]", []string{"--decode"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, outcome{Stdout: c.want}, command(c.input, append([]string{"tokenize", model}, c.flags...)...))
		})
	}
	for _, c := range []struct{ name, input, want string }{
		{"not JSON", "hello", "want a JSON list of ids"},
		{"empty", "", "want a JSON list of ids"},
		{"an object", "{}", "want a JSON list of ids"},
		{"a fraction", "[1.5]", "want a JSON list of ids"},
		{"too large", "[1, 262]", "id 262 at index 1 is outside the vocabulary of 262"},
		{"negative", "[-1]", "id -1 at index 0"},
		{"huge", "[99999999999999999999]", "want a JSON list of ids"},
	} {
		t.Run("decode: "+c.name, func(t *testing.T) {
			requireFailure(t, command(c.input, "tokenize", model, "--decode"), 1, "tokenize", c.want)
		})
	}
}

func TestPrompt(t *testing.T) {
	model := packTiny(t)
	o := command(`[{"role":"system","content":"S"},{"role":"user","content":"<｜User｜> & <b>"}]`, "prompt", model)
	require.Zero(t, o.Status, o.Stderr)
	var got struct {
		Text   string
		Tokens []int
	}
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &got))
	require.Equal(t, "<｜begin▁of▁sentence｜>S<｜User｜><｜User｜> & <b><｜Assistant｜>", got.Text)
	require.Equal(t, 1, strings.Count(o.Stdout, "\n"))
	require.Contains(t, o.Stdout, "<b>", "for people to read")
	special := map[int]int{}
	for _, id := range got.Tokens {
		if id >= enginetest.BOS {
			special[id]++
		}
	}
	require.Equal(t, map[int]int{enginetest.BOS: 1, enginetest.User: 1, enginetest.Assistant: 1}, special, "what a message spells is text")

	for _, c := range []struct{ name, input, want string }{
		{"not JSON", "hello", "must be a list"},
		{"cut short", `[{"role":"user"`, "must be a list"},
		{"trailing text", `[] x`, "must be a list"},
		{"an object", `{"role":"user","content":"x"}`, "must be a list"},
		{"a part that is no text", `[{"role":"user","content":[{"type":"image_url"}]}]`, "only text is supported"},
		{"a number in place of text", `[{"role":"user","content":42}]`, "messages[0].content is 42"},
		{"no messages", `[]`, "messages is empty"},
		{"null", `null`, "messages is empty"},
		{"unknown role", `[{"role":"tool","content":"x"}]`, `role is "tool"`},
		{"nobody asks", `[{"role":"system","content":"x"}]`, "no message from the user"},
	} {
		t.Run(c.name, func(t *testing.T) { requireFailure(t, command(c.input, "prompt", model), 1, "prompt", c.want) })
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("the line is dead") }

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// A result that cannot be printed is a failure, and so is input that cannot be read.
func TestBrokenStreams(t *testing.T) {
	model := packTiny(t)
	inputs := map[string]string{"inspect": "", "verify": "", "tokenize": "x", "prompt": `[{"role":"user","content":"x"}]`}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(context.Background(), []string{name, model}, strings.NewReader(inputs[name]), failingWriter{}, &stderr), name)
		require.Contains(t, stderr.String(), "no space left on device", name)
	}
	for _, name := range []string{"tokenize", "prompt"} {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(context.Background(), []string{name, model}, failingReader{}, io.Discard, &stderr), name)
		require.Contains(t, stderr.String(), "stdin: the line is dead", name)
	}
}
