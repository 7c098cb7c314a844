package deepseek_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/deepseek"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

var update = flag.Bool("update", false, "write the goldens anew")

// What a decode step is, as text to read and to compare: go test ./engine/deepseek -update
func TestRecordings(t *testing.T) {
	for name, config := range map[string]enginetest.Config{"v2": enginetest.V2(), "v3": enginetest.V3(), "dense": enginetest.Dense()} {
		t.Run(name, func(t *testing.T) {
			parsed := parse(t, config)
			manifest := planned(t, parsed, config, false, enginetest.Plain(weights.DTypeBF16))
			m, err := deepseek.NewModel(parsed, manifest, record.Options{Context: 256, Sequences: 1})
			require.NoError(t, err)
			steps := record.NewSteps(m)
			steps.Step(record.Shape{Kind: record.Decode, Width: 1})
			if m.Drafts() {
				steps.Step(record.Shape{Kind: record.Draft, Width: 1})
			}
			commands, err := m.Plan.Commands()
			require.NoError(t, err)
			golden, got := filepath.Join("testdata", "recordings", name+".txt"), gpu.Dump(commands)
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}
