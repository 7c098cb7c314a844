package nativegpu_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu"
	"tabseek/engine/gpu/gputest"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/shaders"
)

func open(t testing.TB) *nativegpu.Device {
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(device.Close)
	return device
}

// Every kernel case, on WebGPU's default limits.
func TestCases(t *testing.T) {
	device := open(t)
	for _, c := range shaders.Cases() {
		t.Run(c.Name, func(t *testing.T) { require.NoError(t, gputest.Check(device, c)) })
	}
}

func TestErrorsAreReturned(t *testing.T) {
	device := open(t)
	require.ErrorContains(t, device.Execute(gpu.Write{Buffer: 7, Data: make([]byte, 4)}), "no buffer 7")
	require.NoError(t, device.Execute(gpu.CreateBuffer{ID: 7, Size: 16}))
	require.ErrorContains(t, device.Execute(gpu.Write{Buffer: 7, Offset: 16, Data: make([]byte, 4)}), "outside buffer 7")
	require.ErrorContains(t, device.Execute(gpu.Submit{Replays: []gpu.Replay{{Recording: 3, Times: 1}}}), "no recording 3")
	require.ErrorContains(t, device.Execute(gpu.CreatePipeline{Program: &shaders.Program{Name: "broken", Source: "fn main( {"}}), "broken")
	require.ErrorIs(t, device.Execute(gpu.Upload{}), gpu.ErrUpload)
}

func BenchmarkCases(b *testing.B) {
	device := open(b)
	for _, c := range shaders.Cases() {
		b.Run(c.Name, func(b *testing.B) {
			seconds, err := gputest.Time(device, c, max(b.N, 10))
			require.NoError(b, err)
			b.ReportMetric(float64(c.Bytes)/seconds/1e9, "GB/s")
			b.ReportMetric(float64(c.Flops)/seconds/1e9, "GFLOP/s")
		})
	}
}
