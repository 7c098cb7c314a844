package nativegpu_test

import (
	"testing"

	"tabseek/engine/enginetest"
	"tabseek/engine/weights"
)

// Whole models on the GPU agree with the published formulas in float64.
func TestModels(t *testing.T) {
	for _, c := range enginetest.Cases() {
		if c.Native {
			t.Run(c.Name, func(t *testing.T) { c.Run(t, open(t), enginetest.Native32) })
		}
	}
}

// Quantised ones too, over their quantised numbers.
func TestQuantisedModels(t *testing.T) {
	for _, c := range enginetest.Quantised() {
		for _, quant := range []weights.Quant{weights.QuantQ8, weights.QuantQ4} {
			if c.Native {
				t.Run(c.Name+" "+string(quant), func(t *testing.T) { c.RunPacked(t, quant, open(t), enginetest.Native32) })
			}
		}
	}
}
