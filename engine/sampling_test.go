package engine_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// plainSample is sampling as textbooks have it: penalties, biases, temperature, top_k, top_p, min_p, then a draw in order of
// id. The answer begins at a place of the history.
func plainSample(logits []float32, history []int, answer int, p message.Params, drawn float64) int {
	scores := make([]float64, len(logits))
	for id, l := range logits {
		scores[id] = float64(l)
		if p.RepetitionPenalty != nil && slices.Contains(history, id) {
			if l > 0 {
				scores[id] /= *p.RepetitionPenalty
			} else {
				scores[id] *= *p.RepetitionPenalty
			}
		}
		times := 0
		for _, earlier := range history[answer:] {
			if earlier == id {
				times++
			}
		}
		if p.PresencePenalty != nil && times > 0 {
			scores[id] -= *p.PresencePenalty
		}
		if p.FrequencyPenalty != nil {
			scores[id] -= *p.FrequencyPenalty * float64(times)
		}
		scores[id] += p.LogitBias[id]
	}
	order := make([]int, len(scores)) // ids, likeliest first
	for id := range order {
		order[id] = id
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	temperature := 1.0
	if p.Temperature != nil {
		temperature = *p.Temperature
	}
	if temperature == 0 {
		return order[0]
	}
	if p.TopK != nil && *p.TopK > 0 {
		order = order[:min(*p.TopK, len(order))]
	}
	weights := func() (list []float64, total float64) {
		for _, id := range order {
			list = append(list, math.Exp((scores[id]-scores[order[0]])/temperature))
			total += list[len(list)-1]
		}
		return list, total
	}
	if p.TopP != nil {
		list, total := weights()
		kept, sum := 0, 0.0
		for ok := true; ok && kept < len(list); kept++ {
			sum += list[kept]
			ok = sum < *p.TopP*total
		}
		order = order[:kept]
	}
	if p.MinP != nil {
		list, _ := weights()
		order = order[:slices.IndexFunc(append(list, -1), func(w float64) bool { return w < *p.MinP })]
	}
	slices.Sort(order)
	best := slices.MaxFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	sum, total := 0.0, 0.0
	for _, id := range order {
		total += math.Exp((scores[id] - scores[best]) / temperature)
	}
	for _, id := range order {
		if sum += math.Exp((scores[id] - scores[best]) / temperature); drawn*total < sum {
			return id
		}
	}
	return order[len(order)-1]
}

// Every sampled token is the one that a plain sampler draws from the same logits.
func TestSampling(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 64})
	tests := map[string]message.Params{
		"plain":         {},
		"cold":          {Temperature: pointer(0.2)},
		"hot":           {Temperature: pointer(5.0)},
		"top_k":         {TopK: pointer(5)},
		"top_k 1":       {TopK: pointer(1), Temperature: pointer(10.0)},
		"top_k beyond":  {TopK: pointer(100000)},
		"top_p":         {TopP: pointer(0.8)},
		"top_p 0":       {TopP: pointer(0.0), Temperature: pointer(10.0)},
		"min_p":         {MinP: pointer(0.1)},
		"min_p 1":       {MinP: pointer(1.0), Temperature: pointer(10.0)},
		"penalty":       {RepetitionPenalty: pointer(1.7), Temperature: pointer(0.0)},
		"penalty below": {RepetitionPenalty: pointer(0.6), Temperature: pointer(0.5)},
		"presence":      {PresencePenalty: pointer(2.0), Temperature: pointer(0.0)},
		"frequency":     {FrequencyPenalty: pointer(-1.5), Temperature: pointer(0.0)},
		"biases":        {LogitBias: map[int]float64{7: 99, 200: 99.5}, Temperature: pointer(0.0)},
		"banned":        {LogitBias: map[int]float64{7: -100, 8: 3}, Temperature: pointer(0.3)},
		"all": {
			Temperature: pointer(1.4), TopK: pointer(40), TopP: pointer(0.9), MinP: pointer(0.02), RepetitionPenalty: pointer(1.2),
			PresencePenalty: pointer(0.5), FrequencyPenalty: pointer(0.3), LogitBias: map[int]float64{1: 2, 2: -2},
		},
	}
	for name, params := range tests {
		t.Run(name, func(t *testing.T) {
			params.MaxTokens = pointer(8)
			for seed := range uint32(4) {
				params.Seed = &seed
				ids, last := h.Generate(prompt(10, int(seed)), params)
				require.Equal(t, message.Length, last.FinishReason, last.Message)
				tokens := slices.Concat(prompt(10, int(seed)), ids)
				rows, _ := h.Logits(tokens, "decode", false)
				for i, id := range ids {
					at := 9 + i
					require.Equal(t, plainSample(rows[at], tokens[:at+1], 10, params, shaders.UniformNumber(seed, uint32(at))), id, "token %d of seed %d", i, seed)
				}
			}
		})
	}
}

// Over many seeds, tokens come as often as the model says.
func TestSamplingFrequencies(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 64, Chunk: 1})
	rows, _ := h.Logits(prompt(3, 0), "decode", false)
	logits := rows[2]
	total := 0.0
	for _, l := range logits {
		total += math.Exp(float64(l))
	}
	const draws = 1000
	counts := map[int]int{}
	for seed := range uint32(draws) {
		ids, _ := h.Generate(prompt(3, 0), sampled(1, seed))
		counts[ids[0]]++
	}
	for id, l := range logits {
		p := math.Exp(float64(l)) / total
		// Five standard deviations of a binomial count, and one for the rare tokens.
		require.InDelta(t, p*draws, counts[id], 5*math.Sqrt(p*draws)+1, "token %d of probability %g", id, p)
	}
}

// What is told of a token is its place in the model's own distribution, whatever the request does to it.
func TestLogprobs(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 64})
	params := sampled(12, 3)
	params.Temperature, params.TopK, params.RepetitionPenalty = pointer(1.7), pointer(50), pointer(1.4)
	params.Logprobs, params.TopLogprobs = true, pointer(4)
	var ids []int
	var told []message.Logprob
	for _, e := range h.Ask(message.Request{Type: message.Generate, ID: 1, Tokens: prompt(10, 0), Params: params}) {
		require.NotEqual(t, message.Failed, e.Type, e.Message)
		ids = append(ids, e.Tokens...)
		if e.Logprobs != nil {
			require.Empty(t, e.Logprobs.ReasoningContent)
			told = append(told, e.Logprobs.Content...)
		}
	}
	require.Len(t, told, len(ids))
	rows, _ := h.Logits(slices.Concat(prompt(10, 0), ids), "decode", false)
	for i, l := range told {
		logits := rows[9+i]
		sum := 0.0
		order := make([]int, len(logits))
		for id, x := range logits {
			sum += math.Exp(float64(x))
			order[id] = id
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
		logprob := func(id int) float64 { return float64(logits[id]) - math.Log(sum) }
		require.Equal(t, ids[i], l.ID)
		require.InDelta(t, logprob(l.ID), l.Logprob, 2e-5)
		require.Len(t, l.TopLogprobs, 4)
		for place, top := range l.TopLogprobs {
			require.Equal(t, order[place], top.ID)
			require.InDelta(t, logprob(top.ID), top.Logprob, 2e-5)
		}
	}
}

func TestBadBiases(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 64})
	many := map[int]float64{}
	for id := range shaders.MaxBiases + 1 {
		many[id] = 1
	}
	for name, biases := range map[string]map[int]float64{"outside": {100000: 1}, "many": many} {
		t.Run(name, func(t *testing.T) {
			_, last := h.Generate(prompt(3, 0), message.Params{LogitBias: biases})
			require.Equal(t, []any{message.Failed, message.BadRequest, "logit_bias"}, []any{last.Type, last.Code, last.Param}, last.Message)
		})
	}
}

// Records lie in a ring, which a long answer goes round.
func TestLongAnswers(t *testing.T) {
	packed := packSmall(t)
	want, _ := openSmall(t, packed, engine.Options{Context: 400, Chunk: 1}).Generate(prompt(10, 0), sampled(300, 4))
	require.Len(t, want, 300)
	got, _ := openSmall(t, packed, engine.Options{Context: 400}).Generate(prompt(10, 0), sampled(300, 4))
	require.Equal(t, want, got)
}
