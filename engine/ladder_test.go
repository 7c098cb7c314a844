package engine_test

import (
	"testing"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
)

// The engine on the Go reference device agrees with the published formulas in float64, on models of many shapes.
func TestFormulas(t *testing.T) {
	for _, c := range enginetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, refgpu.New(), enginetest.Reference64)
		})
	}
}
