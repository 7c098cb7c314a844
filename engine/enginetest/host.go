package enginetest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/architecture"
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/engine/tokenizer"
	"tabseek/engine/weights"
	"tabseek/shaders"
)

// Pack packs a checkpoint's folder as the command pack does, but for the chat family and the special ids, which seed gives.
func Pack(t testing.TB, folder string, options weights.PlanOptions, seed weights.Seed) string {
	configJSON, err := os.ReadFile(filepath.Join(folder, "config.json"))
	require.NoError(t, err)
	config, err := architecture.Parse(configJSON)
	require.NoError(t, err)
	seed.TokenizerJSON, err = os.ReadFile(filepath.Join(folder, "tokenizer.json"))
	require.NoError(t, err)
	seed.Tokenizer, err = tokenizer.Compile(seed.TokenizerJSON)
	require.NoError(t, err)
	inventory, err := weights.OpenSafetensors(folder)
	require.NoError(t, err)
	return write(t, config, inventory, options, seed)
}

// PackGGUF packs a GGUF file in the same way, with the tokenizer that seed holds.
func PackGGUF(t testing.TB, path string, options weights.PlanOptions, seed weights.Seed) string {
	metadata, inventory, err := weights.OpenGGUF(path)
	require.NoError(t, err)
	config, err := architecture.FromGGUF(metadata, inventory)
	require.NoError(t, err)
	return write(t, config, inventory, options, seed)
}

// write packs a checkpoint, and closes it.
func write(t testing.TB, config record.Config, inventory *weights.Inventory, options weights.PlanOptions, seed weights.Seed) string {
	defer inventory.Close()
	require.NoError(t, config.Reconcile(inventory, options.Quant))
	var err error
	seed.Architecture, err = json.Marshal(config)
	require.NoError(t, err)
	options.Ignored = config.Ignored()
	plan, err := weights.BuildPlan(config.Table(), inventory, options)
	require.NoError(t, err)
	packed := filepath.Join(t.TempDir(), "packed")
	_, err = weights.Write(context.Background(), plan, inventory, seed, packed, weights.WriteOptions{})
	require.NoError(t, err)
	return packed
}

// PackChat packs a checkpoint with DeepSeek-V3's chat format, as a host may use it. The model is called as its folder.
func PackChat(t testing.TB, folder string) string {
	return Pack(t, folder, weights.PlanOptions{Quant: weights.QuantKeep}, weights.Seed{
		Name: filepath.Base(folder), Chat: "deepseek-v3", Special: weights.Special{EOS: []int{EOS}},
	})
}

// PackTiny packs the small random checkpoint in the same way.
func PackTiny(t testing.TB) string {
	c, err := Tiny(1)
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, c.Write(folder, 1))
	return PackChat(t, folder)
}

// A Host drives an engine on a device, in this process.
type Host struct {
	t      testing.TB
	Engine *engine.Engine
	Model  *weights.Model
	Ready  message.Event  // the last of loading
	Counts map[string]int // commands since the last Ask, by kind: create, submit, readback

	device gpu.Device
	events []message.Event
	// Hook, if set, is called before results are handed to the engine, once a round: the place to cancel a request.
	Hook func(round int)
}

// Tuned, as a profile, has the engine find out which one is the fastest.
const Tuned = "tuned"

// Open loads a packed model. alter, if not nil, may change the bytes of a weight buffer on their way to the device.
func Open(t testing.TB, packed string, device gpu.Device, options engine.Options, alter func(buffer int, data []byte)) *Host {
	h, events := Load(t, packed, device, options, alter)
	h.Ready = events[len(events)-1]
	require.Equal(t, message.Ready, h.Ready.Type, h.Ready.Message)
	return h
}

// Load loads a packed model and returns what was told meanwhile, which may end with a failure.
func Load(t testing.TB, packed string, device gpu.Device, options engine.Options, alter func(buffer int, data []byte)) (*Host, []message.Event) {
	e, model, err := New(t, packed, device, options)
	require.NoError(t, err)
	h := &Host{t: t, Engine: e, Model: model, device: device, Counts: map[string]int{}}
	buffers := make([][]byte, len(model.Buffers))
	for i := range buffers {
		buffers[i], err = model.ReadBuffer(i)
		require.NoError(t, err)
		if alter != nil {
			alter(i, buffers[i])
		}
	}
	h.run(buffers)
	return h, h.events
}

// New makes an engine for a packed model, or says why it is refused.
func New(t testing.TB, packed string, device gpu.Device, options engine.Options) (*engine.Engine, *weights.Model, error) {
	model, err := weights.OpenModel(packed)
	require.NoError(t, err)
	manifest, err := os.ReadFile(filepath.Join(packed, weights.ManifestFile))
	require.NoError(t, err)
	compiled, err := model.ReadTokenizer()
	require.NoError(t, err)
	switch options.Profile {
	case "":
		options.Profile = shaders.Minimum().String() // timing the candidates has tests of its own
	case Tuned:
		options.Profile = ""
	}
	e, err := engine.Open(manifest, compiled, device.Info(), options)
	return e, model, err
}

// Fill makes an alteration for Open: every number of a packed vector becomes value.
func Fill(t testing.TB, packed, vector string, value float32) func(buffer int, data []byte) {
	model, err := weights.OpenModel(packed)
	require.NoError(t, err)
	tensor, ok := model.Manifest.Tensor(vector)
	require.True(t, ok, vector)
	plane := tensor.Pieces[0].Quants
	return func(buffer int, data []byte) {
		for i := 0; buffer == plane.Buffer && i < int(plane.Size); i += 4 {
			binary.LittleEndian.PutUint32(data[int(plane.Offset)+i:], math.Float32bits(value))
		}
	}
}

// run executes commands until the engine has none left and no result is under way.
func (h *Host) run(buffers [][]byte) {
	for round := 0; ; round++ {
		commands, events := h.Engine.Take()
		h.events = append(h.events, events...)
		for _, c := range commands {
			switch c := c.(type) {
			case gpu.Upload:
				part := buffers[c.Buffer][c.Offset : c.Offset+c.Size]
				require.NoError(h.t, h.device.Execute(gpu.Write{Buffer: c.Buffer, Offset: c.Offset, Data: part}))
				h.Engine.Uploaded(c.Shard)
				continue
			case gpu.Submit:
				h.Counts["submit"]++
				h.Counts["readback"] += len(c.Readbacks)
			case gpu.CreateBuffer, gpu.CreatePipeline, gpu.CreateRecording:
				h.Counts["create"]++
			}
			require.NoError(h.t, h.device.Execute(c))
		}
		results, err := h.device.Results(true)
		require.NoError(h.t, err)
		if len(commands) == 0 && len(results) == 0 {
			return
		}
		if h.Hook != nil {
			h.Hook(round)
		}
		for _, r := range results {
			h.Engine.Result(r)
		}
	}
}

// Ask sends requests and returns all events that follow.
func (h *Host) Ask(requests ...message.Request) []message.Event {
	h.events = nil
	clear(h.Counts)
	for _, r := range requests {
		h.Engine.Request(r)
	}
	h.run(nil)
	return h.events
}

// Logits asks for a row of logits for every token, and the MTP module's drafts if wanted.
func (h *Host) Logits(tokens []int, mode string, draft bool) (main, drafts [][]float32) {
	for _, e := range h.Ask(message.Request{Type: "logits", ID: 1, Tokens: tokens, Mode: message.Mode(mode), Draft: draft}) {
		require.NotEqual(h.t, message.Failed, e.Type, e.Message)
		if e.Logits == nil {
			continue
		}
		row := make([]float32, len(e.Logits.Values)/4)
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(e.Logits.Values[4*i:]))
		}
		list := &main
		if e.Logits.Draft {
			list = &drafts
		}
		require.EqualValues(h.t, len(*list), e.Logits.Row)
		*list = append(*list, row)
	}
	return main, drafts
}

// Generate continues a prompt and returns the ids and the last event.
func (h *Host) Generate(tokens []int, params message.Params) ([]int, message.Event) {
	events := h.Ask(message.Request{Type: "generate", ID: 1, Tokens: tokens, Params: params})
	var ids []int
	for _, e := range events {
		ids = append(ids, e.Tokens...)
	}
	return ids, events[len(events)-1]
}

// Greedy are the parameters of a greedy answer of n tokens.
func Greedy(n int) message.Params {
	zero := 0.0
	return message.Params{Temperature: &zero, MaxTokens: &n}
}
