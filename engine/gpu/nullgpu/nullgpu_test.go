package nullgpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nullgpu"
)

func TestCounts(t *testing.T) {
	device := nullgpu.New()
	for _, c := range []gpu.Command{
		gpu.CreateBuffer{Size: 1 << 40}, gpu.CreatePipeline{}, gpu.Upload{Size: 1 << 40}, gpu.Write{Data: make([]byte, 4)},
		gpu.CreateRecording{ID: 3, Commands: []gpu.Recorded{gpu.Dispatch{}, gpu.Copy{}, gpu.DispatchIndirect{}, gpu.Clear{}, gpu.Dispatch{}}},
		gpu.Submit{Ticket: 7, Replays: []gpu.Replay{{Recording: 3, Times: 10}, {Recording: 3, Times: 1, First: 2, Count: 2}}, Readbacks: []gpu.Readback{{Size: 8}, {Size: 4}}},
		gpu.Submit{Ticket: 8},
	} {
		require.NoError(t, device.Execute(c))
	}
	require.Equal(t, nullgpu.Counts{
		Buffers: 1, Pipelines: 1, Recordings: 1, Uploads: 1, Writes: 1, Submits: 2, Dispatches: 31, Readbacks: 2, Bytes: 1 << 40,
	}, device.Counts)
	results, err := device.Results(true)
	require.NoError(t, err)
	require.Equal(t, []gpu.Result{{Ticket: 7, Data: [][]byte{make([]byte, 8), make([]byte, 4)}}, {Ticket: 8}}, results)
	results, err = device.Results(true)
	require.NoError(t, err)
	require.Empty(t, results)
}
