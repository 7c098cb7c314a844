package harness

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/engine/weights"
	"tabseek/web"
)

// fixtures is where golden checkpoints lie, beside the repository.
const fixtures = "../../../shared/fixtures"

// engineWasm is the guest as it is embedded: make wasm builds it.
func engineWasm(t *testing.T) []byte {
	t.Helper()
	wasm, err := fs.ReadFile(web.Files(), "engine.wasm")
	if err != nil {
		t.Skip("engine.wasm is not built: run make wasm")
	}
	return wasm
}

// otherGuest is a guest that speaks another version of the wire.
func otherGuest(t *testing.T) []byte {
	wasm, err := os.ReadFile("../../testdata/abi/other.wasm")
	require.NoError(t, err)
	return wasm
}

// pack packs a checkpoint, whose name it takes.
func pack(t *testing.T, folder string) string {
	return enginetest.Pack(t, folder, weights.PlanOptions{Quant: weights.QuantKeep}, weights.Seed{
		Name: filepath.Base(folder), Chat: "deepseek-v3", Special: weights.Special{EOS: []int{enginetest.EOS}},
	})
}

// packTiny packs the small random checkpoint.
func packTiny(t *testing.T) string {
	t.Helper()
	c, err := enginetest.Tiny(1)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, c.Write(dir, 1))
	return pack(t, dir)
}

// golden is a fixture: packed, with what must come of it.
type golden struct {
	packed         string
	Tokens, Greedy []int
	logits, drafts [][]float32
}

func openGolden(t *testing.T, name string) golden {
	t.Helper()
	folder := filepath.Join(fixtures, name)
	data, err := os.ReadFile(filepath.Join(folder, "golden.json"))
	if err != nil {
		t.Skipf("fixture %s is not there", name)
	}
	var g golden
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(data, []byte("Infinity"), []byte("0")), &g))
	g.packed = pack(t, folder)
	g.logits = readRows(t, filepath.Join(folder, "logits.f32"), len(g.Tokens))
	if _, err := os.Stat(filepath.Join(folder, "draft.f32")); err == nil {
		g.drafts = readRows(t, filepath.Join(folder, "draft.f32"), len(g.Tokens)-1)
	}
	return g
}

func readRows(t *testing.T, name string, count int) [][]float32 {
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	values := floats(data)
	rows := make([][]float32, count)
	for i := range rows {
		rows[i] = values[i*len(values)/count : (i+1)*len(values)/count]
	}
	return rows
}

func floats(data []byte) []float32 {
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
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

func openOn(t *testing.T, packed string, options Options) *Host {
	t.Helper()
	options.Wasm, options.Model, options.Log = engineWasm(t), os.DirFS(packed), t.Output()
	host, err := Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	return host
}

// openNative opens the GPU, or skips the test where there is none.
func openNative(t *testing.T) gpu.Device {
	t.Helper()
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		t.Skip(err)
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

// withoutEnd cuts an answer before its end-of-sequence id, as hosts report it.
func withoutEnd(tokens []int) []int {
	for i, id := range tokens {
		if id == enginetest.EOS {
			return tokens[:i]
		}
	}
	return tokens
}
