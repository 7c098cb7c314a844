package sample_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/sample"
)

func TestValidate(t *testing.T) {
	with := func(change func(*sample.Params)) sample.Params {
		p := sample.Default()
		change(&p)
		return p
	}
	for _, c := range []struct {
		name   string
		params sample.Params
		want   string // part of the error; "" for none
	}{
		{"default", sample.Default(), ""},
		{"greedy", with(func(p *sample.Params) { p.Temperature = 0 }), ""},
		{"negative temperature", with(func(p *sample.Params) { p.Temperature = -1 }), "temperature is -1"},
		{"temperature is not a number", with(func(p *sample.Params) { p.Temperature = math.NaN() }), "temperature is NaN"},
		{"top_p above one", with(func(p *sample.Params) { p.TopP = 1.5 }), "top_p is 1.5"},
		{"negative top_k", with(func(p *sample.Params) { p.TopK = -3 }), "top_k is -3"},
		{"no penalty at all", with(func(p *sample.Params) { p.RepetitionPenalty = 0 }), "repetition_penalty is 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				require.NoError(t, c.params.Validate())
				return
			}
			require.ErrorContains(t, c.params.Validate(), c.want)
		})
	}
}
