package nativegpu_test

import (
	"testing"

	"tabseek/engine/enginetest"
)

// Whole models on the GPU agree with the published formulas in float64.
func TestModels(t *testing.T) {
	for _, c := range enginetest.Cases() {
		if c.Native {
			t.Run(c.Name, func(t *testing.T) { c.Run(t, open(t), enginetest.Native32) })
		}
	}
}
