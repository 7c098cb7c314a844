package refgpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu"
	"tabseek/engine/gpu/gputest"
	"tabseek/engine/gpu/refgpu"
)

// Copies, clearings, indirect dispatches and parts of recordings do what they say.
func TestReplays(t *testing.T) {
	replays, err := gputest.Replays()
	require.NoError(t, err)
	device := refgpu.New()
	for _, r := range replays {
		t.Run(r.Name, func(t *testing.T) { require.NoError(t, gputest.CheckReplay(device, r)) })
	}
}

func TestErrorsAreReturned(t *testing.T) {
	record := func(c gpu.Recorded) gpu.Command {
		return gpu.CreateRecording{Label: "bad", Commands: []gpu.Recorded{c}}
	}
	for name, test := range map[string]struct {
		command gpu.Command
		want    string
	}{
		"write to no buffer":  {gpu.Write{Buffer: 7, Data: make([]byte, 4)}, "refgpu: write: no buffer 7"},
		"write outside":       {gpu.Write{Offset: 16, Data: make([]byte, 4)}, "outside buffer 0"},
		"no pipeline":         {record(gpu.Dispatch{Pipeline: 5}), "recording bad: command 0: no pipeline 5"},
		"copy of no buffers":  {record(gpu.Copy{From: 7, To: 8, Size: 4}), "recording bad: command 0: no buffer 7"},
		"clear outside":       {record(gpu.Clear{Offset: 16, Size: 4}), "outside buffer 0"},
		"arguments outside":   {record(gpu.DispatchIndirect{Offset: 8}), "outside buffer 0"},
		"no recording":        {gpu.Submit{Replays: []gpu.Replay{{Recording: 3, Times: 1}}}, "no recording 3"},
		"part of a recording": {gpu.Submit{Replays: []gpu.Replay{{Recording: 1, Times: 1, First: 1, Count: 1}}}, "recording clear has 1 commands, not 1+1"},
		"readback outside":    {gpu.Submit{Readbacks: []gpu.Readback{{Offset: 1 << 63, Size: 1 << 63}}}, "outside buffer 0"},
		"upload":              {gpu.Upload{}, "upload"},
	} {
		t.Run(name, func(t *testing.T) {
			device := refgpu.New()
			require.NoError(t, device.Execute(gpu.CreateBuffer{Size: 16}))
			require.NoError(t, device.Execute(gpu.CreateRecording{ID: 1, Label: "clear", Commands: []gpu.Recorded{gpu.Clear{Size: 4}}}))
			err := device.Execute(test.command)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
			results, err := device.Results(true)
			require.NoError(t, err)
			require.Empty(t, results)
		})
	}
}
