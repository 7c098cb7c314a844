package nativegpu_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
	"tabseek/engine/weights"
)

// What pocket says is the same, whatever is guessed, and however many answers there are side by side: by settings drawn at random, a
// few here, and as many as TABSEEK_SETTINGS says in the soak.
func TestDraftsOverPocket(t *testing.T) {
	settings := 3
	if text := os.Getenv("TABSEEK_SETTINGS"); text != "" {
		var err error
		settings, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	packed := enginetest.Pack(t, "../../../testdata/pocket/hf", weights.PlanOptions{Quant: weights.QuantQ8}, weights.Seed{Name: "pocket", Special: weights.Special{EOS: []int{1}}})
	random := rand.New(rand.NewPCG(11, uint64(settings)))
	alone := enginetest.Open(t, packed, open(t), engine.Options{Context: 200, Sequences: 1}, nil)
	accepted := 0
	for at := range settings {
		prompt := make([]int, 1+random.IntN(80))
		for i := range prompt {
			prompt[i] = 10 + random.IntN(200)
		}
		n, length, seed := 1+random.IntN(6), 1+random.IntN(30), random.Uint32()
		params := message.Params{MaxTokens: &length, IgnoreEOS: random.IntN(2) == 0}
		if random.IntN(3) == 0 {
			params.Temperature = new(float64)
		}
		if random.IntN(3) == 0 {
			topP, topK := 0.5+random.Float64()/2, 1+random.IntN(40)
			params.TopP, params.TopK = &topP, &topK
		}
		if random.IntN(5) == 0 {
			penalty := random.Float64()
			params.FrequencyPenalty = &penalty
		}
		depth := []message.Depth{1, 2, 3, message.AutoDepth}[random.IntN(4)]
		if at == 0 { // in which some guesses are sure to be right
			n, length, depth, params = 1, 30, 2, message.Params{MaxTokens: &length, IgnoreEOS: true, Temperature: new(float64)}
		}
		want := map[string][]int{}
		for i := range n {
			off, seed := message.Depth(0), seed+uint32(i)
			plain := params
			plain.Draft, plain.Seed = &off, &seed
			want[fmt.Sprint(i)], _ = alone.Generate(prompt, plain)
		}
		params.N, params.Draft, params.Seed = &n, &depth, &seed
		options := engine.Options{Context: 200, Chunk: 1 + random.IntN(64), Sequences: 1 + random.IntN(8), CacheBytes: 1 + random.Int64N(4<<20)}
		h := enginetest.Open(t, packed, open(t), options, nil)
		got := map[string][]int{}
		for i := range n {
			got[fmt.Sprint(i)] = nil
		}
		for _, e := range h.Ask(message.Request{Type: message.Generate, ID: 1, Tokens: prompt, Params: params}) {
			require.NotEqual(t, message.Failed, e.Type, e.Message)
			if e.Type == message.Delta {
				got[fmt.Sprint(e.Index)] = append(got[fmt.Sprint(e.Index)], e.Tokens...)
			}
			if e.Type == message.Done && e.Usage.Drafts != nil {
				accepted += e.Usage.Drafts.Accepted
			}
		}
		require.Equal(t, want, got, "setting %d: %d answers, %d drafts, %+v", at, n, depth, options)
		require.Zero(t, h.Engine.PagesInUse())
	}
	require.Positive(t, accepted)
}
