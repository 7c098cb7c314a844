package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/wasm/abi"
)

// The generated files are kept in the repository: pages are built, and wire formats compared, without running Go.
func TestFilesAreUpToDate(t *testing.T) {
	files, err := generate()
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is out of date: run go generate ./wasm/abi", name)
	}
}

// The golden stream has a frame of every opcode, and Go reads back what it wrote.
func TestGoldenStream(t *testing.T) {
	list, err := goldens()
	require.NoError(t, err)
	binary, twins, err := stream()
	require.NoError(t, err)

	var described []map[string]any
	require.NoError(t, json.Unmarshal(twins, &described))
	require.Len(t, described, len(list))

	frames, err := abi.Decode(binary)
	require.NoError(t, err)
	require.Len(t, frames, len(list))
	var again []byte
	kinds := map[abi.Opcode]bool{}
	for i, f := range frames {
		start := len(again)
		switch {
		case f.Command != nil:
			again = abi.Append(again, f.Command)
		case f.Logits != nil:
			again = abi.AppendLogits(again, *f.Logits)
		default:
			again = abi.AppendEvent(again, f.Event)
		}
		require.Equal(t, list[i].append(nil), again[start:], "frame %d", i)
		kinds[abi.Opcode(again[start])] = true
	}
	require.Equal(t, binary, again)
	for _, o := range abi.Opcodes {
		require.True(t, kinds[o.Op], "no frame is a %s", o.Name)
	}
}
