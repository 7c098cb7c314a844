package harness

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu/nullgpu"
	"tabseek/engine/message"
)

// BenchmarkVocabulary is what the greatest published vocabulary, of 163,840 tokens, costs the guest: its time to load a
// model and its memory then, and its time to encode a text.
func BenchmarkVocabulary(b *testing.B) {
	packed := filepath.Join(b.TempDir(), "model")
	made, err := exec.Command("go", "run", "tabseek/server", "synth", "youtu-2b", packed, "--layers", "1", "--vocab", "163840", "--quant", "q4").CombinedOutput()
	require.NoError(b, err, string(made))
	load := func(b *testing.B) *Host {
		host, err := Open(b.Context(), Options{Wasm: engineWasm(b), Model: os.DirFS(packed), Device: nullgpu.New(), Profile: "f32 lanes=32 rows=1", Log: io.Discard})
		require.NoError(b, err)
		return host
	}
	b.Run("load", func(b *testing.B) {
		var spent time.Duration
		var memory int64
		for b.Loop() {
			host := load(b)
			spent += host.guest.spent
			memory = max(memory, host.guest.memory())
			require.NoError(b, host.Close(b.Context()))
		}
		b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "guest-ms/op")
		b.ReportMetric(float64(memory)/(1<<20), "guest-MiB")
	})
	for name, unit := range map[string]string{
		"prose": "The quick brown fox can't jump over 13 lazy dogs; it said so itself, twice.\nEin schöner Tag. Привет, мир. 我想在这里工作。\n",
		"code":  "func (t *Tokenizer) Encode(text string) []int {\n\tfor i := range 1024 {\n\t\treturn nil // x\n\t}\n}\n\n",
	} {
		b.Run("encode/"+name, func(b *testing.B) {
			host := load(b)
			defer host.Close(b.Context())
			text := strings.Repeat(unit, 1<<20/len(unit))
			b.SetBytes(int64(len(text)))
			before := processorTime(b)
			for b.Loop() { // it is refused, as it is longer than any context, once it is encoded
				_, err := host.Generate(b.Context(), Prompt{Messages: []message.Message{{Role: "user", Content: text}}}, greedy(1), nil)
				require.ErrorContains(b, err, "context")
			}
			b.ReportMetric(float64(b.N*len(text))/1e6/(processorTime(b)-before).Seconds(), "MB/cpu-s")
		})
	}
}

// processorTime is what the process has used of the processors: on a busy machine it says more than the clock does.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
