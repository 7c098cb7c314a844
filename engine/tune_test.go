package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// A scriptedDevice takes the time that a recording's label has in its script, and gives wrong answers where told.
type scriptedDevice struct {
	*refgpu.Device
	takes  func(label string) uint64 // nanoseconds of one replay
	spoils func(label string) bool

	labels  map[gpu.RecordingID]string
	submits map[uint32]gpu.Replay
}

func (d *scriptedDevice) Execute(c gpu.Command) error {
	switch c := c.(type) {
	case gpu.CreateRecording:
		d.labels[c.ID] = c.Label
	case gpu.Submit:
		if len(c.Replays) > 0 {
			d.submits[c.Ticket] = c.Replays[0]
		}
	}
	return d.Device.Execute(c)
}

func (d *scriptedDevice) Results(wait bool) ([]gpu.Result, error) {
	results, err := d.Device.Results(wait)
	for i := range results {
		r := &results[i]
		replay, label := d.submits[r.Ticket], d.labels[d.submits[r.Ticket].Recording]
		r.Nanoseconds = d.takes(label) * uint64(replay.Times)
		if d.spoils(label) {
			r.Data[0][len(r.Data[0])-1] ^= 0x40
		}
	}
	return results, err
}

// scripted is a device on which a candidate is the fastest, and some give wrong answers.
func scripted(fastest int, wrong ...shaders.Profile) *scriptedDevice {
	return &scriptedDevice{
		Device: refgpu.New(), labels: map[gpu.RecordingID]string{}, submits: map[uint32]gpu.Replay{},
		takes: func(label string) uint64 {
			if strings.HasPrefix(label, fmt.Sprintf("tune.%d.", fastest)) {
				return 1e6
			}
			return 3e6
		},
		spoils: func(label string) bool {
			for _, p := range wrong {
				if suffix := " " + p.String(); p == shaders.Minimum() && !strings.Contains(label, "lanes=") || strings.HasSuffix(label, suffix) {
					return strings.HasPrefix(label, "known.")
				}
			}
			return false
		},
	}
}

// The fastest profile wins, if it gives the known answers, and the model answers by it.
func TestTuning(t *testing.T) {
	packed := packSmall(t)
	want, _ := openSmall(t, packed, engine.Options{Context: 64}).Generate(prompt(9, 0), enginetest.Greedy(6))
	candidates := shaders.Candidates(shaders.Features{})
	for i, fastest := range candidates {
		t.Run(fastest.String(), func(t *testing.T) {
			h := enginetest.Open(t, packed, scripted(i), engine.Options{Context: 64, Profile: enginetest.Tuned}, nil)
			require.Equal(t, fastest.String(), h.Ready.Model.Profile)
			ids, _ := h.Generate(prompt(9, 0), enginetest.Greedy(6))
			require.Equal(t, want, ids)
		})
		t.Run(fastest.String()+" is wrong", func(t *testing.T) {
			h := enginetest.Open(t, packed, scripted(i, fastest), engine.Options{Context: 64, Profile: enginetest.Tuned}, nil)
			require.NotEqual(t, fastest.String(), h.Ready.Model.Profile)
		})
		t.Run(fastest.String()+" is wrong with many vectors", func(t *testing.T) {
			device := scripted(i, fastest)
			spoils := device.spoils
			device.spoils = func(label string) bool { return spoils(label) && strings.Contains(label, "vectors=8") }
			h := enginetest.Open(t, packed, device, engine.Options{Context: 64, Profile: enginetest.Tuned}, nil)
			require.NotEqual(t, fastest.String(), h.Ready.Model.Profile)
		})
	}
}

// A device that gets everything wrong is not used.
func TestWrongDevice(t *testing.T) {
	_, events := enginetest.Load(t, packSmall(t), scripted(0, shaders.Candidates(shaders.Features{})...), engine.Options{Context: 64, Profile: enginetest.Tuned}, nil)
	last := events[len(events)-1]
	require.Equal(t, []any{message.Failed, message.WrongResults}, []any{last.Type, last.Code})
	require.Regexp(t, `^device Go reference computes wrong numbers: .*: element \d+ is `, last.Message)
}

// A profile that the caller asks for is taken, or refused by name.
func TestAskedProfile(t *testing.T) {
	packed := packSmall(t)
	last := shaders.Candidates(shaders.Features{})[2].String()
	require.Equal(t, last, enginetest.Open(t, packed, refgpu.New(), engine.Options{Profile: last}, nil).Ready.Model.Profile)
	for profile, want := range map[string]string{"f32 lanes=3 rows=1": "lanes must be a power of two", "f32 lanes=1 rows=1 dp4a": "cannot run"} {
		_, _, err := enginetest.New(t, packed, refgpu.New(), engine.Options{Profile: profile})
		require.ErrorContains(t, err, want)
	}
}
