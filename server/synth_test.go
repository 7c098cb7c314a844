package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/engine/tokenizer"
	"tabseek/engine/weights"
)

// A random model is like a packed one in everything but sense: it verifies, it is described, and it answers.
func TestSynth(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "model")
	o := command("", "synth", "youtu-2b", dst, "--layers", "1", "--vocab", "400", "--quant", "q4", "--seed", "3")
	require.Zero(t, o.Status, o.Stderr)
	require.Contains(t, o.Stdout, "1 layers of youtu-2b")
	require.Zero(t, command("", "verify", dst).Status)
	o = command("", "inspect", dst, "--json")
	require.Zero(t, o.Status, o.Stderr)
	var facts struct {
		Layers int
	}
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &facts))
	require.Equal(t, 1, facts.Layers)

	o = command("seven words of text, 123 and 你好", "tokenize", dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Equal(t, "seven words of text, 123 and 你好", command(o.Stdout, "tokenize", dst, "--decode").Stdout)

	host := enginetest.Open(t, dst, refgpu.New(), engine.Options{Context: 64}, nil)
	events := host.Ask(message.Request{Type: message.Chat, ID: 1, Messages: []message.Message{{Role: "user", Content: "hi"}}, Params: enginetest.Greedy(4)})
	last := events[len(events)-1]
	require.Equal(t, message.Done, last.Type, last.Message)
	require.Equal(t, 4, last.Usage.CompletionTokens)

	rows, _ := host.Logits([]int{300, 301, 302}, "prefill", false)
	require.InDelta(t, 1, correlation(rows[2], rows[2]), 1e-6)
	require.Less(t, correlation(rows[1], rows[2]), 0.9, "what comes next depends on what came")
	require.InDelta(t, 1, deviation(rows[2]), 0.2)

	again := command("", "synth", "youtu-2b", dst, "--layers", "1", "--vocab", "400")
	require.Equal(t, 1, again.Status)
	require.Contains(t, again.Stderr, "exists")
}

// A model with a module for drafts brings it: a layer of its own, built as the published one's are, with what leads into it.
func TestSynthDrafts(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "model")
	o := command("", "synth", "gigachat3-10b", dst, "--layers", "1", "--vocab", "400", "--quant", "q4")
	require.Zero(t, o.Status, o.Stderr)
	require.Zero(t, command("", "verify", dst).Status)
	o = command("", "inspect", dst, "--json")
	require.Zero(t, o.Status, o.Stderr)
	var facts inspection
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &facts))
	require.Equal(t, 1, facts.Layers)
	require.Equal(t, 1, facts.MTPLayers)
	require.Greater(t, facts.ParamsTotal, 5*facts.ParamsActive, "the module has 64 experts of its own, which a token of the main model does not use")
	m, err := weights.OpenModel(dst)
	require.NoError(t, err)
	layers := map[string]int{}
	for _, tensor := range m.Tensors {
		if layer, part, ok := strings.Cut(strings.TrimPrefix(tensor.Name, "layers."), "."); ok {
			layers[layer]++
			if strings.HasPrefix(part, "router") {
				require.Equal(t, "1", layer, "the main model's only layer is dense")
			}
		}
	}
	require.Len(t, layers, 2)
	require.Greater(t, layers["1"], layers["0"])
}

// The made-up tokenizer has as many tokens as the largest published vocabulary, and uses them.
func TestMadeUpTokenizer(t *testing.T) {
	for _, size := range []int{leastVocabulary, 1000, 102400, 163840} {
		text, first, err := madeUpTokenizer(size)
		require.NoError(t, err)
		compiled, err := tokenizer.Compile(text)
		require.NoError(t, err)
		k, err := tokenizer.New(compiled)
		require.NoError(t, err)
		require.Equal(t, first, size-len(madeUpSpecial))
		id, ok := k.AddedID("</think>")
		require.True(t, ok)
		require.Equal(t, size-1, id)
		require.Less(t, len(k.Encode("abab cdcd")), 9)
	}
}

func correlation(a, b []float32) float64 {
	sum, meanA, meanB := 0.0, mean(a), mean(b)
	for i := range a {
		sum += (float64(a[i]) - meanA) * (float64(b[i]) - meanB)
	}
	return sum / float64(len(a)) / deviation(a) / deviation(b)
}

func deviation(values []float32) float64 {
	squares, m := 0.0, mean(values)
	for _, v := range values {
		squares += (float64(v) - m) * (float64(v) - m)
	}
	return math.Sqrt(squares / float64(len(values)))
}

func mean(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}
