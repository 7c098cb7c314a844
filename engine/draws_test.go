package engine_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
)

// A question has up to 128 answers: what goes beyond the rows of a step runs in turns.
func TestManySamples(t *testing.T) {
	packed := packSmall(t)
	alone := openSmall(t, packed, engine.Options{Context: 100})
	for _, n := range []int{17, 40, message.MaxTraces} {
		h := openSmall(t, packed, engine.Options{Context: 100})
		params := sampled(4, 7)
		params.N, params.IgnoreEOS = &n, true
		got := answers(t, h.Ask(message.Request{Type: message.Generate, ID: 3, Tokens: prompt(9, 0), Params: params}))
		require.Len(t, got, n)
		require.Zero(t, h.Engine.PagesInUse())
		for _, i := range []int{0, 15, 16, n - 1} {
			params := sampled(4, 7+uint32(i))
			params.IgnoreEOS = true
			want, _ := alone.Generate(prompt(9, 0), params)
			require.Equal(t, want, got[fmt.Sprint("3.", i)], "answer %d of %d", i, n)
		}
	}
	n := message.MaxTraces + 1
	params := sampled(4, 7)
	params.N = &n
	_, last := alone.Generate(prompt(9, 0), params)
	require.Equal(t, message.Failed, last.Type)
	require.Equal(t, "n", last.Param)
}

// The eight tokens that draws are among, whose biases raise them above all others.
const (
	firstDrawn = 50
	drawn      = 8
)

// drawnWith are the probabilities of the eight tokens by a row of logits, after temperature and top-p.
func drawnWith(row []float32, temperature, topP float64) []float64 {
	p, sum := make([]float64, drawn), 0.0
	for i := range p {
		p[i] = math.Exp(float64(row[firstDrawn+i]-row[firstDrawn]) / temperature)
		sum += p[i]
	}
	order := make([]int, drawn)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	kept := 0.0
	for _, i := range order {
		if p[i] /= sum; kept >= topP {
			p[i] = 0
			continue
		}
		kept += p[i]
	}
	for i := range p {
		p[i] /= kept
	}
	return p
}

// What is drawn, plainly and under drafts, is distributed as the model's probabilities are: by chi-square over the places of
// tokens in the order of their probabilities.
func TestDrawsAreDistributedAsTheModelSays(t *testing.T) {
	const answered, length, within = 24, 16, 26.1 // of seven degrees of freedom, beyond which one in two thousand lies
	packed := packDrafting(t, enginetest.V3())
	h := openSmall(t, packed, engine.Options{Context: 60, Sequences: 4}) // which leave rows for three drafts
	ask := prompt(5, 0)
	seed := uint32(0)
	for _, temperature := range []float64{0.6, 1} {
		for _, topP := range []float64{0.9, 1} {
			for _, depth := range []message.Depth{0, 3} {
				seed += 1000
				params := sampled(length, seed)
				params.Temperature, params.TopP, params.N, params.Draft, params.IgnoreEOS = &temperature, &topP, pointer(answered), &depth, true
				params.LogitBias = map[int]float64{}
				for i := range drawn {
					params.LogitBias[firstDrawn+i] = 100
				}
				events := h.Ask(message.Request{Type: message.Generate, ID: 3, Tokens: ask, Params: params})
				if d := events[len(events)-1].Usage.Drafts; depth > 0 {
					require.Positive(t, d.Accepted)
				}
				var seen, expected [drawn]float64
				for _, tokens := range answers(t, events) {
					rows, _ := h.Logits(slices.Concat(ask, tokens), string(message.Prefill), false)
					for i, id := range tokens {
						p := drawnWith(rows[len(ask)-1+i], temperature, topP)
						require.Positive(t, p[id-firstDrawn], "it lies in what top-p keeps")
						place := 0
						for _, other := range p {
							if other > p[id-firstDrawn] {
								place++
							}
						}
						seen[place]++
						slices.SortFunc(p, func(a, b float64) int { return cmp.Compare(b, a) })
						for place, p := range p {
							expected[place] += p
						}
					}
				}
				chi, few, fewExpected := 0.0, 0.0, 0.0
				for place, e := range expected {
					few, fewExpected = few+seen[place], fewExpected+e
					if fewExpected >= 5 || place == drawn-1 && fewExpected > 0 { // places that are hardly drawn count together
						chi += (few - fewExpected) * (few - fewExpected) / fewExpected
						few, fewExpected = 0, 0
					}
				}
				t.Logf("temperature %g, top-p %g, %d drafts: chi-square %.1f, %.0f seen of %.0f expected", temperature, topP, depth, chi, seen, expected)
				require.Less(t, chi, within)
			}
		}
	}
}
