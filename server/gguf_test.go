package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/weights"
)

// tinyCheckpoint is the small random checkpoint, after a change.
func tinyCheckpoint(t *testing.T, change func(*enginetest.Checkpoint)) *enginetest.Checkpoint {
	t.Helper()
	c, err := enginetest.Tiny(1)
	require.NoError(t, err)
	if change != nil {
		change(c)
	}
	return c
}

// writeGGUF writes the small random checkpoint as a GGUF file.
func writeGGUF(t *testing.T, how enginetest.GGUF) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	require.NoError(t, tinyCheckpoint(t, nil).WriteGGUF(path, how))
	return path
}

// The same numbers in a GGUF file, of the old kind and the new, are the same packed model as in a Hugging Face folder.
func TestPackGGUF(t *testing.T) {
	dir := checkpointWith(t, nil)
	want := packed(t, dir)
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprint("heads apart ", apart), func(t *testing.T) {
			m := packed(t, writeGGUF(t, enginetest.GGUF{HeadsApart: apart}))
			require.Equal(t, want.Shards, m.Shards)
			require.Equal(t, want.Tensors, m.Tensors)
			require.JSONEq(t, string(want.Architecture), string(m.Architecture))
			require.Equal(t, "deepseek-v3", m.Chat)
			require.Equal(t, []int{enginetest.EOS}, m.Special.EOS)
			require.Equal(t, "tiny", m.Source.Name)
		})
	}
}

// Quantised tensors are the numbers that they stand for, bit for bit.
func TestPackQuantisedGGUF(t *testing.T) {
	for _, dtype := range []weights.DType{"Q8_0", "Q4_0", weights.DTypeF16} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprint(dtype, " heads apart ", apart), func(t *testing.T) {
				how := enginetest.GGUF{HeadsApart: apart, Type: func(string) weights.DType { return dtype }}
				path := writeGGUF(t, how)
				o := command("", "pack", path, filepath.Join(t.TempDir(), "again"))
				require.Zero(t, o.Status, o.Stderr)
				if dtype == weights.DTypeF16 || apart { // K's own rows are too short for blocks
					require.Empty(t, o.Stderr)
				} else {
					require.Regexp(t, `^tabseek pack: \S+: rounded to f16, .* layers.0.k_b and others like it, 3 in all\n$`, o.Stderr)
				}
				m := packed(t, path)
				_, inventory, err := weights.OpenGGUF(path)
				require.NoError(t, err)
				defer inventory.Close()
				for slot, source := range map[string]string{"layers.0.o": "blk.0.attn_output.weight", "embed": "token_embd.weight", "layers.1.q_b": "blk.1.attn_q_b.weight"} {
					tensor, ok := inventory.Tensor(source)
					require.True(t, ok)
					require.Equal(t, dtype, tensor.DType)
					packed, _ := m.Tensor(slot)
					require.Equal(t, weights.Format(strings.ToLower(string(dtype))), packed.Format)
					got, err := m.ReadTensor(slot)
					require.NoError(t, err)
					require.Equal(t, numbers(t, inventory, source), got, slot)
				}
				// K of a head, which blocks that lie along the rank hold turned.
				k, _ := m.Tensor("layers.0.k_b")
				require.Equal(t, weights.F16, k.Format)
			})
		}
	}
}

// What a file says of its license stays with the model.
func TestLicenseOfGGUF(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "model")
	o := command("", "pack", writeGGUF(t, enginetest.GGUF{Keys: map[string]any{"general.license": "mit"}}), dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Regexp(t, `(?m)^license +mit$`, command("", "inspect", dst).Stdout)
	require.NotContains(t, command("", "inspect", packTiny(t)).Stdout, "license")
}

// numbers packs a tensor of its own, and reads it.
func numbers(t *testing.T, inventory *weights.Inventory, name string) []float32 {
	t.Helper()
	tensor, _ := inventory.Tensor(name)
	slot := weights.Slot{Name: "x", Kind: weights.Router, Matrices: []weights.Parts{{weights.Whole(name, tensor.Shape...)}}}
	var ignored []string
	for _, other := range inventory.Tensors() {
		if other.Name != name {
			ignored = append(ignored, other.Name)
		}
	}
	plan, err := weights.BuildPlan([]weights.Slot{slot}, inventory, weights.PlanOptions{Quant: weights.QuantKeep, Ignored: ignored})
	require.NoError(t, err)
	dst := filepath.Join(t.TempDir(), "one")
	_, err = weights.Write(t.Context(), plan, inventory, weights.Seed{Architecture: []byte("{}"), Tokenizer: []byte("x")}, dst, weights.WriteOptions{})
	require.NoError(t, err)
	m, err := weights.OpenModel(dst)
	require.NoError(t, err)
	values, err := m.ReadTensor("x")
	require.NoError(t, err)
	return values
}

// A model that is split over files is packed from any of them.
func TestPackSplitGGUF(t *testing.T) {
	want := packed(t, checkpointWith(t, nil))
	keys, tensors, err := tinyCheckpoint(t, nil).GGUF(enginetest.GGUF{HeadsApart: true})
	require.NoError(t, err)
	dir := t.TempDir()
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("tiny-%05d-of-00003.gguf", i+1)) }
	third := len(tensors) / 3
	parts := [][]weights.RawTensor{tensors[:third], tensors[third : 2*third], tensors[2*third:]}
	write := func(i, total int) {
		own := []weights.KeyValue{{Key: "split.no", Value: uint32(i)}, {Key: "split.count", Value: uint32(3)}, {Key: "split.tensors.count", Value: int32(total)}}
		if i == 0 {
			own = append(own, keys...)
		}
		f, err := os.Create(name(i))
		require.NoError(t, err)
		require.NoError(t, weights.WriteGGUF(f, own, parts[i]))
		require.NoError(t, f.Close())
	}
	for i := range 3 {
		write(i, len(tensors)+1)
	}
	packFails(t, name(0), fmt.Sprintf("%d tensors in all parts, want %d", len(tensors), len(tensors)+1))
	write(0, len(tensors))
	for i := range 3 {
		require.Equal(t, want.Shards, packed(t, name(i)).Shards)
	}
	require.NoError(t, os.Rename(name(1), filepath.Join(dir, "elsewhere")))
	packFails(t, name(0), "tiny-00002-of-00003.gguf", "no such file")
	require.NoError(t, os.Rename(name(2), name(1)))
	packFails(t, name(0), "says that it is part 3 of 3")
	odd := filepath.Join(dir, "odd.gguf")
	require.NoError(t, os.Rename(name(0), odd))
	packFails(t, odd, "not called NAME-00001-of-00003.gguf")
}

// What is wrong with a GGUF file is said in one line, and no trace of an output is left.
func TestPackRefusesGGUF(t *testing.T) {
	keys := func(key string, value any) enginetest.GGUF { return enginetest.GGUF{Keys: map[string]any{key: value}} }
	for _, c := range []struct {
		name string
		how  enginetest.GGUF
		want []string
	}{
		{"architecture", keys("general.architecture", "gemma"), []string{"tiny.gguf", `architecture "gemma" is not supported, only deepseek2`}},
		{"no architecture", keys("general.architecture", nil), []string{`architecture "" is not supported`}},
		{"text for a number", keys("deepseek2.block_count", "two"), []string{"key deepseek2.block_count is no whole number"}},
		{"number for a text", keys("general.architecture", uint32(7)), []string{"key general.architecture is no string"}},
		{"no size", keys("deepseek2.embedding_length", nil), []string{"hidden_size is 0"}},
		{"gating", keys("deepseek2.expert_gating_func", uint32(4)), []string{"expert_gating_func 4"}},
		{"alignment 0", keys("general.alignment", uint32(0)), []string{"general.alignment is 0"}},
		{"alignment 24", keys("general.alignment", uint32(24)), []string{"general.alignment is 24"}},
		{"tokenizer", keys("tokenizer.ggml.model", "bert"), []string{`tokenizer model "bert" is not supported`}},
		{"pre-tokenizer", keys("tokenizer.ggml.pre", "parrot"), []string{`pre-tokenizer "parrot" is not known, only chatglm-bpe, deepseek-coder,`}},
		{"no vocabulary", keys("tokenizer.ggml.tokens", nil), []string{"no vocabulary"}},
		{"types of other tokens", keys("tokenizer.ggml.token_type", []int32{1}), []string{"types of 1"}},
		{"a token twice", keys("tokenizer.ggml.tokens", []string{"a", "a"}), []string{"tokens but types"}},
	} {
		t.Run(c.name, func(t *testing.T) { packFails(t, writeGGUF(t, c.how), c.want...) })
	}
}

// Text goes by a GGUF file as well, even one of a vocabulary alone.
func TestTextOfGGUF(t *testing.T) {
	keys, _, err := tinyCheckpoint(t, nil).GGUF(enginetest.GGUF{Keys: map[string]any{"tokenizer.chat_template": "{{ '<｜User｜>' }}{{ '<｜Assistant｜><think>\\n' }}"}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "vocabulary.gguf")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, weights.WriteGGUF(f, keys, nil))
	require.NoError(t, f.Close())
	require.Equal(t, "[72,105]\n", command("Hi", "tokenize", path).Stdout)
	require.Equal(t, "Hi", command("[72,105]", "tokenize", path, "--decode").Stdout)
	require.Contains(t, command(`[{"role":"user","content":"Hi"}]`, "prompt", path).Stdout, `"text":"<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n"`)
	packFails(t, path, "tensor model.embed_tokens.weight: missing")
}

// And by one with a SentencePiece vocabulary, of characters.
func TestTextOfSentencePiece(t *testing.T) {
	tokens, types, scores := []string{"<unk>", "<s>", "</s>"}, []int32{2, 3, 3}, make([]float32, 3)
	add := func(token string, kind int32, score float32) {
		tokens, types, scores = append(tokens, token), append(types, kind), append(scores, score)
	}
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), 6, 0)
	}
	for i, token := range []string{"Hi", "▁Hi", "▁", "H", "i", "us", "er", "u", "s", "e", "r"} { // 259 and on
		add(token, 1, -float32(i))
	}
	add("<|im_start|>", 3, 0) // 270
	add("<|im_end|>", 3, 0)
	path := filepath.Join(t.TempDir(), "vocabulary.gguf")
	write := func(more ...weights.KeyValue) {
		f, err := os.Create(path)
		require.NoError(t, err)
		require.NoError(t, weights.WriteGGUF(f, append([]weights.KeyValue{
			{Key: "general.architecture", Value: "minicpm3"}, {Key: "tokenizer.ggml.model", Value: "llama"}, {Key: "tokenizer.ggml.tokens", Value: tokens},
			{Key: "tokenizer.ggml.token_type", Value: types}, {Key: "tokenizer.ggml.bos_token_id", Value: uint32(1)}, {Key: "tokenizer.ggml.eos_token_id", Value: uint32(2)},
			{Key: "tokenizer.chat_template", Value: "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"},
		}, more...), nil))
		require.NoError(t, f.Close())
	}
	write(weights.KeyValue{Key: "tokenizer.ggml.scores", Value: scores})
	require.Equal(t, "[260,260,132]\n", command("Hi Hi\x81", "tokenize", path).Stdout)
	require.Equal(t, "Hi Hi", command("[260,260]", "tokenize", path, "--decode").Stdout)
	// Each text that follows a control token has a space before it; the line break is a byte.
	require.Contains(t, command(`[{"role":"user","content":"Hi"}]`, "prompt", path).Stdout, `"tokens":[270,261,264,265,13,259,271,261,13,270,`)
	write(weights.KeyValue{Key: "tokenizer.ggml.scores", Value: scores}, weights.KeyValue{Key: "tokenizer.ggml.add_space_prefix", Value: false})
	require.Equal(t, "[259,260]\n", command("Hi Hi", "tokenize", path).Stdout)
	write()
	requireFailure(t, command("Hi", "tokenize", path), 1, "tokenize", "272 tokens but scores of 0")
	write(weights.KeyValue{Key: "tokenizer.ggml.scores", Value: types})
	requireFailure(t, command("Hi", "tokenize", path), 1, "tokenize", "key tokenizer.ggml.scores is no array of numbers of 32 bits")
}

// A checkpoint may bring a tiktoken.model in place of a tokenizer.json, as Moonshot's do.
func TestPackTiktoken(t *testing.T) {
	src := checkpointWith(t, nil)
	require.NoError(t, os.Remove(filepath.Join(src, "tokenizer.json")))
	var model strings.Builder
	for b := range 256 {
		fmt.Fprintf(&model, "%s %d\n", base64.StdEncoding.EncodeToString([]byte{byte(b)}), b)
	}
	require.NoError(t, os.WriteFile(filepath.Join(src, "tiktoken.model"), []byte(model.String()), 0o644))
	added := map[string]any{}
	for i, token := range []string{"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"} {
		added[fmt.Sprint(256+i)] = map[string]any{"content": token, "special": true}
	}
	config, err := json.Marshal(map[string]any{"added_tokens_decoder": added, "bos_token": "<｜begin▁of▁sentence｜>"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(src, "tokenizer_config.json"), config, 0o644))
	require.Equal(t, "[72,105]\n", command("Hi", "tokenize", src).Stdout)
	require.Equal(t, "[258,72]\n", command("<｜User｜>H", "tokenize", "--special", src).Stdout)
	m := packed(t, src)
	require.Equal(t, "deepseek-v3", m.Chat)
	require.Contains(t, command(`[{"role":"user","content":"Hi"}]`, "prompt", m.Dir).Stdout, "<｜User｜>Hi<｜Assistant｜>")
	require.NoError(t, os.WriteFile(filepath.Join(src, "tiktoken.model"), []byte("AA== x"), 0o644))
	packFails(t, src, "tiktoken.model", `rank "x"`)
}
