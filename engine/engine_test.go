package engine_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/deepseek"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/weights"
)

// fixtures is where golden checkpoints lie, beside the repository.
const fixtures = "../../shared/fixtures"

// golden is a fixture's golden.json.
type golden struct {
	Tokens []int `json:"tokens"`
	Greedy []int `json:"greedy"`
}

// packFixture packs a fixture and returns its folder and golden numbers.
func packFixture(t *testing.T, name, quant string) (string, golden) {
	source := filepath.Join(fixtures, name)
	if _, err := os.Stat(source); err != nil {
		t.Skipf("fixture %s is not there: %v", name, err)
	}
	var g golden
	data, err := os.ReadFile(filepath.Join(source, "golden.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(data, []byte("Infinity"), []byte("0")), &g))

	configJSON, err := os.ReadFile(filepath.Join(source, "config.json"))
	require.NoError(t, err)
	config, err := deepseek.ParseConfig(configJSON)
	require.NoError(t, err)
	architecture, err := json.Marshal(config)
	require.NoError(t, err)
	tokenizerJSON, err := os.ReadFile(filepath.Join(source, "tokenizer.json"))
	require.NoError(t, err)
	inventory, err := weights.OpenSafetensors(source)
	require.NoError(t, err)
	defer inventory.Close()
	plan, err := weights.BuildPlan(config.Table(), inventory, weights.PlanOptions{Quant: weights.Quant(quant), Ignored: config.Ignored()})
	require.NoError(t, err)
	dst := filepath.Join(t.TempDir(), name)
	_, err = weights.Write(context.Background(), plan, inventory, weights.Seed{
		Name: name, Architecture: architecture, Tokenizer: tokenizerJSON, Chat: "deepseek-r1", Special: weights.Special{EOS: []int{257}},
	}, dst, weights.WriteOptions{})
	require.NoError(t, err)
	return dst, g
}

// A host drives an engine on a device, in the same process.
type host struct {
	t      *testing.T
	engine *engine.Engine
	device gpu.Device
	model  *weights.Model
	events []engine.Event
	counts map[string]int // commands since the last clear
}

func openHost(t *testing.T, folder string, options engine.Options) *host {
	model, err := weights.OpenModel(folder)
	require.NoError(t, err)
	manifest, err := os.ReadFile(filepath.Join(folder, weights.ManifestFile))
	require.NoError(t, err)
	tokenizerJSON, err := model.TokenizerJSON()
	require.NoError(t, err)
	device := refgpu.New()
	e, err := engine.Open(manifest, tokenizerJSON, device.Info(), options)
	require.NoError(t, err)
	h := &host{t: t, engine: e, device: device, model: model, counts: map[string]int{}}
	h.run()
	require.Equal(t, "ready", h.events[len(h.events)-1].Type)
	h.events = nil
	return h
}

// run executes commands until the engine has none left.
func (h *host) run() {
	for {
		commands, events := h.engine.Take()
		h.events = append(h.events, events...)
		if len(commands) == 0 {
			return
		}
		for _, c := range commands {
			h.execute(c)
		}
		results, err := h.device.Results(true)
		require.NoError(h.t, err)
		for _, r := range results {
			h.engine.Result(r.Ticket, r.Data)
		}
	}
}

func (h *host) execute(c gpu.Command) {
	switch c := c.(type) {
	case gpu.Upload:
		data, err := h.model.ReadBuffer(int(c.Buffer))
		require.NoError(h.t, err)
		require.NoError(h.t, h.device.Execute(gpu.Write{Buffer: c.Buffer, Offset: c.Offset, Data: data[c.Offset : c.Offset+c.Size]}))
		h.engine.Uploaded(c.Shard)
		return
	case gpu.Submit:
		h.counts["submit"]++
	case gpu.CreateBuffer, gpu.CreatePipeline, gpu.CreateRecording:
		h.counts["create"]++
	}
	require.NoError(h.t, h.device.Execute(c))
}

// ask sends a request and returns its events.
func (h *host) ask(r engine.Request) []engine.Event {
	h.events = nil
	clear(h.counts)
	h.engine.Request(r)
	h.run()
	return h.events
}

func floats(data []byte) []float32 {
	out := make([]float32, len(data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}

// worst is the largest difference of rows from a golden file.
func worst(t *testing.T, rows map[uint32][]float32, path string) float64 {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	want := floats(data)
	require.NotEmpty(t, rows)
	largest := 0.0
	width := len(rows[0])
	require.Equal(t, len(want), width*len(rows))
	for row, values := range rows {
		for i, v := range values {
			largest = max(largest, math.Abs(float64(v-want[int(row)*width+i])))
		}
	}
	return largest
}

func TestLogitsMatchGoldens(t *testing.T) {
	for _, name := range []string{"v2-lite", "v3-fp8-mtp", "dense-mla"} {
		t.Run(name, func(t *testing.T) {
			folder, g := packFixture(t, name, "keep")
			h := openHost(t, folder, engine.Options{Context: 64})
			draftFile := filepath.Join(fixtures, name, "draft.f32")
			_, err := os.Stat(draftFile)
			drafts := err == nil
			for _, mode := range []string{"prefill", "decode"} {
				main, draft := map[uint32][]float32{}, map[uint32][]float32{}
				for _, e := range h.ask(engine.Request{Type: "logits", ID: 1, Tokens: g.Tokens, Mode: mode, Draft: drafts}) {
					require.NotEqual(t, "error", e.Type, e.Message)
					if e.Logits != nil && e.Logits.Draft {
						draft[e.Logits.Row] = floats(e.Logits.Values)
					} else if e.Logits != nil {
						main[e.Logits.Row] = floats(e.Logits.Values)
					}
				}
				require.LessOrEqual(t, worst(t, main, filepath.Join(fixtures, name, "logits.f32")), 2e-3, mode)
				if drafts {
					require.LessOrEqual(t, worst(t, draft, draftFile), 2e-3, "drafts by "+mode)
				}
			}
		})
	}
}
