package harness

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/weights"
)

// A damaged model is refused in one line that names what is wrong.
func TestOpenRefuses(t *testing.T) {
	wasm := engineWasm(t)
	rewrite := func(name string, change func(string) string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			changed := change(string(data))
			require.NotEqual(t, string(data), changed)
			require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
		}
	}
	replace := func(name, old, new string) func(*testing.T, string) {
		return rewrite(name, func(s string) string { return strings.Replace(s, old, new, 1) })
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, name))) }
	}
	shard := func(spoil func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			m, err := weights.OpenModel(dir)
			require.NoError(t, err)
			spoil(t, filepath.Join(dir, m.Shards[0].File))
		}
	}
	for _, c := range []struct {
		name    string
		spoil   func(t *testing.T, dir string)
		options Options
		want    []string
	}{
		{"no manifest", remove("model.json"), Options{}, []string{"model.json"}},
		{"manifest is not JSON", rewrite("model.json", func(s string) string { return s[:100] }), Options{}, []string{"model.json: unexpected end"}},
		{"manifest is a page", rewrite("model.json", func(string) string { return "<!doctype html>" }), Options{}, []string{"model.json: invalid character"}},
		{"another format", replace("model.json", "tabseek-model", "other-model"), Options{}, []string{"other-model"}},
		{"a later version", replace("model.json", `"version":2`, `"version":99`), Options{}, []string{"version is 99"}},
		{"unknown architecture", replace("model.json", "deepseek_v3", "gpt2"), Options{}, []string{`"gpt2" is not supported`}},
		{"unknown number format", replace("model.json", `"format":"bf16"`, `"format":"bf15"`), Options{}, []string{"bf15"}},
		{"a tensor under another name", replace("model.json", `"name":"final_norm"`, `"name":"final_norn"`), Options{}, []string{"final_norm"}},
		{"a config that asks for other shapes", replace("model.json", `"kv_lora_rank":32`, `"kv_lora_rank":64`), Options{}, []string{"layers.0."}},
		{"a config with absurd sizes", replace("model.json", `"hidden_size":64`, `"hidden_size":99999999`), Options{}, []string{"hidden_size is 99999999"}},
		{"no tokenizer", remove("tokenizer.bin"), Options{}, []string{"tokenizer tokenizer.bin: no such file"}},
		{"tokenizer cut short", rewrite("tokenizer.bin", func(s string) string { return s[:99] }), Options{}, []string{"tokenizer tokenizer.bin: has 99 bytes, expected "}},
		{"tokenizer changed", replace("tokenizer.bin", "tabseek", "Tabseek"), Options{}, []string{"tokenizer tokenizer.bin: SHA-256 is "}},
		{"no shard", shard(func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }), Options{}, []string{"shard sha256-", ".bin: no such file"}},
		{"shard cut short", shard(func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 512)) }), Options{}, []string{"shard sha256-", "has 512 bytes, expected "}},
		{"shard changed", shard(func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte{0x55}, 999)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}), Options{}, []string{"shard sha256-", "SHA-256 is ", "expected "}},
		{"a context beyond the model's", func(*testing.T, string) {}, Options{Context: 257}, []string{"context is 257, the model takes 1 to 256"}},
		{"a chunk too long", func(*testing.T, string) {}, Options{Chunk: 1000}, []string{"chunk is 1000"}},
		{"no guest", func(*testing.T, string) {}, Options{Wasm: []byte("not wasm")}, []string{"engine.wasm: ", "magic"}},
		{"a guest of another wire", func(*testing.T, string) {}, Options{Wasm: otherGuest(t)}, []string{"engine.wasm: the guest speaks version ", "not of the same build"}},
		{"another guest", func(*testing.T, string) {}, Options{Wasm: []byte("\x00asm\x01\x00\x00\x00")}, []string{"engine.wasm: ", "missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := enginetest.PackTiny(t)
			c.spoil(t, dir)
			device := &recorder{Device: refgpu.New()}
			o := c.options
			o.Model, o.Device, o.Log = os.DirFS(dir), device, io.Discard
			if o.Wasm == nil {
				o.Wasm = wasm
			}
			_, err := Open(t.Context(), o)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "\n")
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			for _, command := range device.commands { // not a byte of a shard that is wrong
				if w, ok := command.(gpu.Write); ok && strings.HasPrefix(c.name, "shard") {
					require.Less(t, len(w.Data), 64<<10)
				}
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Open(ctx, Options{Wasm: wasm, Model: os.DirFS(enginetest.PackTiny(t)), Device: refgpu.New(), Log: io.Discard})
		require.ErrorIs(t, err, context.Canceled)
	})
}
