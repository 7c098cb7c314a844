package harness

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/web"
)

// engineWasm is the guest as it is embedded: make wasm builds it.
func engineWasm(t testing.TB) []byte {
	t.Helper()
	wasm, err := web.Engine()
	need.Have(t, need.Page, err)
	return wasm
}

// otherGuest is a guest that speaks another version of the wire.
func otherGuest(t *testing.T) []byte {
	wasm, err := os.ReadFile("../../testdata/abi/other.wasm")
	require.NoError(t, err)
	return wasm
}

// A recorder is a device that notes what it is told.
type recorder struct {
	gpu.Device
	commands  []gpu.Command
	onExecute func(gpu.Command) // if not nil
}

func (r *recorder) Execute(c gpu.Command) error {
	r.commands = append(r.commands, c)
	if r.onExecute != nil {
		r.onExecute(c)
	}
	return r.Device.Execute(c)
}

// open loads a packed model on the reference device.
func open(t *testing.T, packed string, options Options) (*Host, *recorder) {
	t.Helper()
	device := &recorder{Device: refgpu.New()}
	options.Device = device
	return openOn(t, packed, options), device
}

func openOn(t testing.TB, packed string, options Options) *Host {
	t.Helper()
	options.Wasm, options.Model, options.Log = engineWasm(t), os.DirFS(packed), t.Output()
	host, err := Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	return host
}

// openNative opens the GPU, or skips the test where there is none.
func openNative(t testing.TB) gpu.Device {
	t.Helper()
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		need.Have(t, need.GPU, err)
	}
	require.NoError(t, err)
	t.Cleanup(device.Close)
	return device
}

// greedy are the parameters of a greedy answer of at most n tokens.
func greedy(n int) message.Params {
	zero := 0.0
	return message.Params{Temperature: &zero, MaxTokens: &n}
}
