package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/weights"
)

func TestPackAndInspect(t *testing.T) {
	src, dst := checkpointWith(t, nil), filepath.Join(t.TempDir(), "model")
	o := command("", "pack", "--quant", "q8", src, dst) // flags may come first
	require.Zero(t, o.Status, o.Stderr)
	require.Empty(t, o.Stderr)
	require.Regexp(t, `^\S+/model: \d+ tensors, 1 shards, \S+ kB\n$`, o.Stdout)

	o = command("", "verify", dst)
	require.Equal(t, outcome{Stdout: o.Stdout}, o)
	require.Contains(t, o.Stdout, ": ok, 1 shards")

	o = command("", "inspect", dst, "--json")
	require.Zero(t, o.Status, o.Stderr)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &got))
	for name, want := range map[string]any{
		"layers": 2.0, "hidden_size": 64.0, "context": 256.0, "chat": "deepseek-v3", "vocab_size": float64(enginetest.TinyVocab), "mtp_layers": 1.0,
		"kv_bytes_per_token": 4.0 * 2 * (32 + 8), "kv_bytes_per_token_expanded": 4.0 * 2 * 2 * (16 + 8 + 16), "quant": "q8", "name": "tiny",
	} {
		require.Equal(t, want, got[name], name)
	}
	total, active := got["params_total"].(float64), got["params_active"].(float64)
	require.Greater(t, total, active)
	require.Positive(t, active)
	require.Greater(t, got["weight_bytes"].(float64), got["bytes_per_token"].(float64))
	require.Positive(t, got["bytes_per_token"])
	var counted float64
	for _, n := range got["formats"].(map[string]any) {
		counted += n.(float64)
	}
	require.Equal(t, total, counted, "every parameter is in some format")
	var read float64
	for _, n := range got["bytes_by_part"].(map[string]any) {
		read += n.(float64)
	}
	require.Equal(t, got["bytes_per_token"], read, "every byte belongs to some part")
	saved := got["ledger"].(map[string]any)
	require.InDelta(t, saved["weights"].(float64), saved["routing"].(float64)*saved["bits"].(float64), 1e-9)
	require.Equal(t, 2*(16.0+8+16)/(32+8), saved["latent"])

	o = command("", "inspect", dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Contains(t, o.Stdout, "2 layers of width 64")
	require.NotContains(t, o.Stdout, "tokens a second")
	o = command("", "inspect", dst, "--gbps", "100")
	require.Zero(t, o.Status, o.Stderr)
	require.Regexp(t, `at most +\d+\.\d tokens a second`, o.Stdout)
}

func TestPackGoldens(t *testing.T) {
	for _, name := range need.Goldens {
		t.Run(name, func(t *testing.T) {
			src := need.Golden(t, name)
			dst := filepath.Join(t.TempDir(), name)
			require.Zero(t, command("", "pack", src, dst).Status)
			require.Zero(t, command("", "verify", dst).Status)
			o := command("", "inspect", dst, "--json")
			require.Zero(t, o.Status, o.Stderr)
			require.Regexp(t, `"layers":[23],`, o.Stdout)
		})
	}
}

// What is wrong with a checkpoint is said in one line, and no trace of an output is left.
func TestPackRefuses(t *testing.T) {
	config := func(name string, value any) func(*enginetest.Checkpoint) {
		return func(c *enginetest.Checkpoint) { c.Config[name] = value }
	}
	tensors := func(change func([]weights.RawTensor) []weights.RawTensor) func(*enginetest.Checkpoint) {
		return func(c *enginetest.Checkpoint) { c.Tensors = change(c.Tensors) }
	}
	const somewhere = "model.layers.1.self_attn.o_proj.weight"
	find := func(list []weights.RawTensor) int {
		return slices.IndexFunc(list, func(r weights.RawTensor) bool { return r.Name == somewhere })
	}
	for _, c := range []struct {
		name   string
		change func(*enginetest.Checkpoint)
		want   []string
	}{
		{"architecture", config("model_type", "gpt2"), []string{"config.json", `"gpt2" is not supported, only deepseek_v2`}},
		{"no architecture", config("model_type", nil), []string{"config.json", "model_type"}},
		{"huge vocabulary", config("vocab_size", 1<<40), []string{"config.json", "vocab_size"}},
		{"number out of range", config("hidden_size", 1e300), []string{"config.json", "hidden_size"}},
		{"negative size", config("num_hidden_layers", -1), []string{"config.json", "num_hidden_layers is -1"}},
		{"huge layer count", config("num_hidden_layers", 1<<30), []string{"config.json", "num_hidden_layers"}},
		{"huge expert count", config("n_routed_experts", 1<<20), []string{"config.json", "n_routed_experts"}},
		{"text for a number", config("hidden_size", "64"), []string{"config.json", "hidden_size"}},
		{"rope that is not there", config("rope_scaling", map[string]any{"type": "dynamic", "factor": 4}), []string{"config.json", `"dynamic" is not supported`}},
		{"more layers than tensors", config("num_hidden_layers", 3), []string{"model.layers."}},
		{"special id outside", config("eos_token_id", 1<<20), []string{"special token id 1048576"}},
		{"tensor missing", tensors(func(l []weights.RawTensor) []weights.RawTensor { return slices.Delete(l, find(l), find(l)+1) }), []string{somewhere, "missing"}},
		{"tensor of another shape", tensors(func(l []weights.RawTensor) []weights.RawTensor {
			l[find(l)].Shape = slices.Clone(l[find(l)].Shape)
			slices.Reverse(l[find(l)].Shape)
			return l
		}), []string{somewhere, "[32 64]", "[64 32]"}},
		{"tensor of an unknown type", tensors(func(l []weights.RawTensor) []weights.RawTensor { l[find(l)].DType = "I16"; return l }), []string{somewhere, "I16"}},
		{"tensor that nothing needs", tensors(func(l []weights.RawTensor) []weights.RawTensor {
			return append(l, weights.RawTensor{Name: "model.extra.weight", DType: weights.DTypeF32, Shape: []int{1}, Data: make([]byte, 4)})
		}), []string{"model.extra.weight"}},
		{"weight that is not a number", tensors(func(l []weights.RawTensor) []weights.RawTensor {
			binary.LittleEndian.PutUint16(l[find(l)].Data[2*5:], 0x7fc0)
			return l
		}), []string{somewhere, "NaN"}},
		{"tokenizer of another kind", func(c *enginetest.Checkpoint) { c.Tokenizer["model"] = map[string]any{"type": "WordPiece"} }, []string{"tokenizer.json", "WordPiece"}},
		{"tokenizer without vocabulary", func(c *enginetest.Checkpoint) { c.Tokenizer["model"] = map[string]any{} }, []string{"tokenizer.json", "vocabulary"}},
	} {
		t.Run(c.name, func(t *testing.T) { packFails(t, checkpointWith(t, c.change), c.want...) })
	}
}

// lfsPointer is what stands in a repository for a file that Git LFS has not fetched.
const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 8608\n"

// packFails packs src and looks for a clear failure that leaves nothing behind. Both ways of packing are tried: what is
// copied and what is converted take different paths.
func packFails(t *testing.T, src string, want ...string) {
	t.Helper()
	for _, quant := range []string{"keep", "q4"} {
		parent := t.TempDir()
		o := command("", "pack", src, filepath.Join(parent, "model"), "--quant", quant)
		for _, w := range want {
			requireFailure(t, o, 1, "pack", w)
		}
		requireEmpty(t, parent)
	}
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, list, "something is left behind")
}

func TestPackRefusesFiles(t *testing.T) {
	file := func(dir, name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  []string
	}{
		{"no config", func(t *testing.T, dir string) { require.NoError(t, os.Remove(file(dir, "config.json"))) }, []string{"config.json"}},
		{"no tokenizer", func(t *testing.T, dir string) { require.NoError(t, os.Remove(file(dir, "tokenizer.json"))) }, []string{"tokenizer.json"}},
		{"no weights", func(t *testing.T, dir string) { require.NoError(t, os.Remove(file(dir, "model.safetensors"))) }, []string{"safetensors"}},
		{"config is not JSON", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "config.json"), func([]byte) []byte { return []byte("{\n\"a\":\n") })
		}, []string{"config.json", "unexpected end"}},
		{"config is a list", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "config.json"), func([]byte) []byte { return []byte("[]") })
		}, []string{"config.json"}},
		{"config is a folder", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(file(dir, "config.json")))
			require.NoError(t, os.Mkdir(file(dir, "config.json"), 0o755))
		}, []string{"config.json", "directory"}},
		{"tokenizer_config is not JSON", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "tokenizer_config.json"), func([]byte) []byte { return []byte("<html>") })
		}, []string{"tokenizer_config.json"}},
		{"generation_config is not JSON", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(file(dir, "generation_config.json"), []byte("{"), 0o644))
		}, []string{"generation_config.json"}},
		{"absurd sampling", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(file(dir, "generation_config.json"), []byte(`{"temperature":-3}`), 0o644))
		}, []string{"temperature is -3"}},
		{"sampling of another type", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(file(dir, "generation_config.json"), []byte(`{"do_sample":"no"}`), 0o644))
		}, []string{"generation_config.json", "do_sample"}},
		{"weights that Git LFS has not fetched", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "model.safetensors"), func([]byte) []byte { return []byte(lfsPointer) })
		}, []string{"model.safetensors", "Git LFS pointer", "git lfs pull"}},
		{"tokenizer that Git LFS has not fetched", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "tokenizer.json"), func([]byte) []byte { return []byte(lfsPointer) })
		}, []string{"tokenizer.json", "Git LFS pointer"}},
		{"a web page in place of weights", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "model.safetensors"), func([]byte) []byte { return []byte("<!doctype html><title>Log in</title>") })
		}, []string{"model.safetensors", "this is a web page"}},
		{"weights cut short", func(t *testing.T, dir string) { require.NoError(t, os.Truncate(file(dir, "model.safetensors"), 20000)) }, []string{"model.safetensors"}},
		{"weights empty", func(t *testing.T, dir string) { require.NoError(t, os.Truncate(file(dir, "model.safetensors"), 0)) }, []string{"model.safetensors", "too short"}},
		{"header of 2^63 bytes", func(t *testing.T, dir string) {
			rewrite(t, file(dir, "model.safetensors"), func(b []byte) []byte { b[7] = 0x80; return b })
		}, []string{"model.safetensors", "header"}},
		{"index leads outside", func(t *testing.T, dir string) {
			index := `{"weight_map":{"model.embed_tokens.weight":"../../etc/passwd"}}`
			require.NoError(t, os.WriteFile(file(dir, "model.safetensors.index.json"), []byte(index), 0o644))
		}, []string{"../../etc/passwd"}},
		{"index names a part that is missing", func(t *testing.T, dir string) {
			index := `{"weight_map":{"model.embed_tokens.weight":"model-00002-of-00002.safetensors"}}`
			require.NoError(t, os.WriteFile(file(dir, "model.safetensors.index.json"), []byte(index), 0o644))
		}, []string{"model-00002-of-00002.safetensors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := checkpointWith(t, nil)
			c.spoil(t, dir)
			packFails(t, dir, c.want...)
		})
	}
	t.Run("no folder", func(t *testing.T) { packFails(t, filepath.Join(t.TempDir(), "nothing"), "nothing") })
}

func TestPackDestination(t *testing.T) {
	src := checkpointWith(t, nil)
	content := func(dir string) map[string]string {
		files := map[string]string{}
		require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				data, err := os.ReadFile(path)
				files[path] = string(data)
				return err
			}
			return err
		}))
		return files
	}
	t.Run("exists", func(t *testing.T) {
		dst := packTiny(t)
		before := content(filepath.Dir(dst))
		requireFailure(t, command("", "pack", src, dst, "--quant", "q8"), 1, "pack", "exists")
		require.Equal(t, before, content(filepath.Dir(dst)))

		o := command("", "pack", src, dst, "--quant", "q8", "--force")
		require.Zero(t, o.Status, o.Stderr)
		require.NotEqual(t, before, content(filepath.Dir(dst)))
		require.Zero(t, command("", "verify", dst).Status)
		list, err := os.ReadDir(filepath.Dir(dst))
		require.NoError(t, err)
		require.Len(t, list, 1, "nothing but the model")
	})
	t.Run("failure with force keeps the old", func(t *testing.T) {
		dst := packTiny(t)
		before := content(filepath.Dir(dst))
		bad := checkpointWith(t, func(c *enginetest.Checkpoint) { c.Tensors = c.Tensors[1:] })
		requireFailure(t, command("", "pack", bad, dst, "--force"), 1, "pack", "missing")
		require.Equal(t, before, content(filepath.Dir(dst)))
	})
	t.Run("somebody's folder", func(t *testing.T) {
		dst := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dst, "thesis.txt"), []byte("dear"), 0o644))
		requireFailure(t, command("", "pack", src, dst, "--force"), 1, "pack", "thesis.txt")
		require.Len(t, content(dst), 1)
	})
	t.Run("its parent is missing", func(t *testing.T) {
		parent := t.TempDir()
		requireFailure(t, command("", "pack", src, filepath.Join(parent, "no", "model")), 1, "pack", "no such file")
		requireEmpty(t, parent)
	})
	t.Run("its parent is a file", func(t *testing.T) {
		requireFailure(t, command("", "pack", src, filepath.Join(src, "config.json", "model")), 1, "pack", "not a directory")
	})
	t.Run("interrupted", func(t *testing.T) {
		parent := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var stdout, stderr bytes.Buffer
		require.Equal(t, 1, run(ctx, []string{"pack", src, filepath.Join(parent, "model")}, nil, &stdout, &stderr))
		require.Contains(t, stderr.String(), "canceled")
		requireEmpty(t, parent)
	})
}

// packed packs a folder and reads what became of it.
func packed(t *testing.T, src string) *weights.Model {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "model")
	o := command("", "pack", src, dst)
	require.Zero(t, o.Status, o.Stderr)
	m, err := weights.OpenModel(dst)
	require.NoError(t, err)
	return m
}

// A checkpoint is packed as it is found in practice, with what lies beside it.
func TestPackFolders(t *testing.T) {
	plain := packed(t, checkpointWith(t, nil))
	beside := func(t *testing.T, name string) string {
		src := checkpointWith(t, nil)
		data, err := os.ReadFile(filepath.Join(src, "model.safetensors"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(src, name), data, 0o644))
		return src
	}
	t.Run("a consolidated copy beside model.safetensors", func(t *testing.T) {
		require.Equal(t, plain.Shards, packed(t, beside(t, "consolidated.safetensors")).Shards)
	})
	t.Run("a copy beside an index that leaves tensors out", func(t *testing.T) {
		src := beside(t, "consolidated.safetensors")
		index := `{"metadata":{},"weight_map":{"model.norm.weight":"model.safetensors"}}`
		require.NoError(t, os.WriteFile(filepath.Join(src, "model.safetensors.index.json"), []byte(index), 0o644))
		require.Equal(t, plain.Shards, packed(t, src).Shards)
	})
	t.Run("a model card", func(t *testing.T) {
		src := checkpointWith(t, nil)
		for card, want := range map[string]string{
			"---\nlanguage: en\nlicense: mit\n---\nlicense: none": "mit", "---\r\nlicense: \"apache-2.0\"\r\n---\r\n": "apache-2.0", "# Tiny\n\nlicense: mit\n": "", "": "",
		} {
			require.NoError(t, os.WriteFile(filepath.Join(src, "README.md"), []byte(card), 0o644))
			require.Equal(t, want, packed(t, src).Source.License, "%q", card)
		}
	})
	t.Run("small shards", func(t *testing.T) {
		dst := filepath.Join(t.TempDir(), "model")
		o := command("", "pack", checkpointWith(t, nil), dst, "--shard", "64")
		require.Zero(t, o.Status, o.Stderr)
		m, err := weights.OpenModel(dst)
		require.NoError(t, err)
		require.Greater(t, len(m.Shards), 3)
		require.EqualValues(t, 64<<10, m.Shards[0].Size)
		require.NoError(t, m.Verify(t.Context(), nil))
		require.Equal(t, plain.Buffers, m.Buffers)
	})
	t.Run("a folder of Hugging Face's cache", func(t *testing.T) {
		repository := filepath.Join(t.TempDir(), "models--some-lab--Tiny-V3")
		snapshot := filepath.Join(repository, "snapshots", "0123abc")
		require.NoError(t, os.MkdirAll(snapshot, 0o755))
		src := checkpointWith(t, nil)
		files, err := os.ReadDir(src)
		require.NoError(t, err)
		require.NoError(t, os.Rename(src, filepath.Join(repository, "blobs")))
		for _, f := range files {
			require.NoError(t, os.Symlink(filepath.Join("..", "..", "blobs", f.Name()), filepath.Join(snapshot, f.Name())))
		}
		m := packed(t, snapshot)
		require.Equal(t, "Tiny-V3", m.Source.Name)
		require.Equal(t, plain.Shards, m.Shards)
	})
}

// A model whose makers do not sample is greedy unless told otherwise.
func TestPackSampling(t *testing.T) {
	number := func(x float64) *float64 { return &x }
	for name, test := range map[string]struct {
		file string
		want weights.Generation
	}{
		"recommended":   {`{"do_sample": true, "temperature": 0.6, "top_p": 0.95}`, weights.Generation{Temperature: number(0.6), TopP: number(0.95)}},
		"no word of it": {`{"temperature": 0.6}`, weights.Generation{Temperature: number(0.6)}},
		"not sampled": {`{"do_sample": false, "temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.1}`,
			weights.Generation{Temperature: number(0), RepetitionPenalty: number(1.1)}},
		"null": {`{"do_sample": null, "temperature": 0.6}`, weights.Generation{Temperature: number(0.6)}},
	} {
		t.Run(name, func(t *testing.T) {
			src := checkpointWith(t, nil)
			require.NoError(t, os.WriteFile(filepath.Join(src, "generation_config.json"), []byte(test.file), 0o644))
			require.Equal(t, test.want, packed(t, src).Generation)
		})
	}
}

// What ends a turn ends an answer, whether the config names it or not.
func TestPackFindsTheEnd(t *testing.T) {
	for name, given := range map[string]any{"none": nil, "another": 7, "the same": enginetest.EOS, "several": []int{enginetest.EOS, 9}} {
		t.Run(name, func(t *testing.T) {
			m := packed(t, checkpointWith(t, func(c *enginetest.Checkpoint) { c.Config["eos_token_id"] = given }))
			require.Contains(t, m.Special.EOS, enginetest.EOS)
			require.Len(t, m.Special.EOS, map[string]int{"another": 2, "several": 2}[name]+map[bool]int{true: 1}[name == "none" || name == "the same"])
		})
	}
}

// A template that is not known is said, and --chat chooses.
func TestPackChat(t *testing.T) {
	src := checkpointWith(t, nil)
	require.NoError(t, os.WriteFile(filepath.Join(src, "chat_template.jinja"), []byte("{{ messages[0].content + '!' }}"), 0o644))
	question := `[{"role":"user","content":"Hi"}]`
	dst := filepath.Join(t.TempDir(), "model")
	o := command("", "pack", src, dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Regexp(t, `^tabseek pack: \S+: its chat format is not known, so it cannot chat; choose one with --chat NAME: deepseek-v2, .*qwen3.*\n$`, o.Stderr)
	for _, model := range []string{src, dst} {
		requireFailure(t, command(question, "prompt", model), 1, "prompt", "chat format is not known")
	}
	o = command("", "pack", src, dst, "--force", "--chat", "deepseek-v3.1")
	require.Equal(t, outcome{Stdout: o.Stdout}, o)
	require.Contains(t, command(question, "prompt", dst, "--thinking", "true").Stdout, `"text":"<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>"`)
	require.Contains(t, command(question, "prompt", dst, "--thinking=false").Stdout, `"text":"<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜></think>"`)
	o = command("", "pack", src, dst, "--force", "--chat", "qwen3")
	require.Zero(t, o.Status, o.Stderr)
	require.Contains(t, o.Stderr, "the vocabulary lacks <|im_start|>, which its chat format qwen3 needs")
	o = command(question, "prompt", dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Contains(t, o.Stdout, `"text":"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"`)
	require.Contains(t, o.Stderr, "the vocabulary lacks <|im_start|>: it is spelled out here")
}

// Text goes by a checkpoint that is not packed as well: a folder, or its tokenizer.json alone.
func TestTextOfCheckpoints(t *testing.T) {
	src := checkpointWith(t, nil)
	question := `[{"role":"user","content":"Hi"}]`
	want := command(question, "prompt", packTiny(t))
	require.Zero(t, want.Status, want.Stderr)
	for _, model := range []string{src, filepath.Join(src, "tokenizer.json")} {
		require.Equal(t, want, command(question, "prompt", model))
		require.Equal(t, "[72,105]\n", command("Hi", "tokenize", model).Stdout)
	}
}

// The chat family is found wherever a checkpoint keeps its template.
func TestPackFindsTheChatTemplate(t *testing.T) {
	const r1 = "{{ '<｜User｜>' }}{{ '<｜Assistant｜><think>\\n' }}"
	quoted, err := json.Marshal(r1)
	require.NoError(t, err)
	tests := map[string]struct{ file, content, want string }{
		"a string":          {"tokenizer_config.json", `{"chat_template": ` + string(quoted) + `}`, "deepseek-r1"},
		"named ones":        {"tokenizer_config.json", `{"chat_template": [{"name":"tool_use","template":"x"},{"name":"default","template":` + string(quoted) + `}]}`, "deepseek-r1"},
		"null":              {"tokenizer_config.json", `{"chat_template": null}`, "deepseek-v3"},
		"a file of its own": {"chat_template.jinja", r1, "deepseek-r1"},
		"none":              {"tokenizer_config.json", `{}`, "deepseek-v3"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			src, dst := checkpointWith(t, nil), filepath.Join(t.TempDir(), "model")
			require.NoError(t, os.WriteFile(filepath.Join(src, test.file), []byte(test.content), 0o644))
			require.Zero(t, command("", "pack", src, dst).Status)
			o := command("", "inspect", dst, "--json")
			require.Contains(t, o.Stdout, `"chat":"`+test.want+`"`)
		})
	}
}
