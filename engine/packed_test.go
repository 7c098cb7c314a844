package engine_test

import (
	"testing"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/weights"
)

// Quantised models compute exactly what their quantised numbers say.
func TestQuantised(t *testing.T) {
	for _, c := range enginetest.Quantised() {
		for _, quant := range []weights.Quant{weights.QuantQ8, weights.QuantQ4} {
			t.Run(c.Name+" "+string(quant), func(t *testing.T) { c.RunPacked(t, quant, refgpu.New(), enginetest.Reference64) })
		}
	}
}

// Keep keeps every number of every format.
func TestKeep(t *testing.T) {
	for _, c := range enginetest.Formats() {
		t.Run(c.Name, func(t *testing.T) { c.CheckKept(t) })
	}
}
