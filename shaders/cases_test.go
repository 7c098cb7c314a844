package shaders_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu/gputest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/shaders"
)

// The reference must pass its own cases: guards intact, read-only buffers untouched, every binding bound.
func TestReferenceStaysInBounds(t *testing.T) {
	for _, c := range shaders.Cases() {
		t.Run(c.Name, func(t *testing.T) { require.NoError(t, gputest.Check(refgpu.New(), c)) })
	}
}

// A program can be found again by its name: that is how a host finds the reference of a program it was sent.
func TestLookupFindsEveryProgram(t *testing.T) {
	for _, c := range shaders.Cases() {
		p, err := shaders.Lookup(c.Dispatch.Program.Name)
		require.NoError(t, err)
		require.Equal(t, c.Dispatch.Program.Source, p.Source)
	}
}
