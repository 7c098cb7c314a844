package enginetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/weights"
)

// RowsKeepToThemselves checks that what a row's logits are does not depend on how many rows share its step, bit for bit: so batches
// and guesses change no token. By each profile, on a device of its own.
func RowsKeepToThemselves(t *testing.T, open func(t *testing.T) gpu.Device, profiles ...string) {
	tokens := make([]int, 37) // steps of 16, 16 and 5 rows, against 37 of one
	for i := range tokens {
		tokens[i] = (7*i + 3) % 290
	}
	for name, c := range map[string]struct {
		config Config
		quant  weights.Quant
	}{"experts": {V2(), weights.QuantKeep}, "dense, q4": {Dense(), weights.QuantQ4}} {
		packed, _ := Case{Config: c.config}.Pack(t, c.quant, weights.Seed{Name: "rows"})
		for _, profile := range profiles {
			t.Run(name+" "+profile, func(t *testing.T) {
				h := Open(t, packed, open(t), engine.Options{Context: 64, Profile: profile}, nil)
				alone, _ := h.Logits(tokens, string(message.Decode), false)
				together, _ := h.Logits(tokens, string(message.Prefill), false)
				require.Len(t, together, len(tokens))
				for i := range alone {
					require.Equal(t, alone[i], together[i], "row %d", i)
				}
			})
		}
	}
}
