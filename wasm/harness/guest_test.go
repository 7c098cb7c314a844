package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/wasm/abi"
)

// told is what the guest reports after a message.
func told(t *testing.T, g *guest, kind abi.Message, data string) []message.Event {
	t.Helper()
	require.NoError(t, g.send(t.Context(), kind, []byte(data)))
	frames, err := g.take(t.Context())
	require.NoError(t, err)
	var events []message.Event
	for _, f := range frames {
		var e message.Event
		require.NotNil(t, f.Event)
		require.NoError(t, json.Unmarshal(f.Event, &e))
		events = append(events, e)
	}
	return events
}

// Messages that make no sense are errors, not the end of the guest.
func TestGuestRefuses(t *testing.T) {
	fresh, err := newGuest(t.Context(), engineWasm(t), io.Discard)
	require.NoError(t, err)
	defer fresh.close(t.Context())
	host, _ := open(t, enginetest.PackTiny(t), Options{})
	for _, c := range []struct {
		name string
		g    *guest
		kind abi.Message
		data string
		want string
	}{
		{"request before a model is open", fresh, abi.Request, `{"type":"generate","tokens":[1]}`, "before a model is open"},
		{"result before a model is open", fresh, abi.Result, "1234", "before a model is open"},
		{"unknown kind before a model is open", fresh, 99, "", "before a model is open"},
		{"open without a model", fresh, abi.Open, fmt.Sprintf(`{"version":%d}`, abi.Version), "model.json"},
		{"open by a host of another wire", fresh, abi.Open, `{"version":99}`, "the host version 99: they are not of the same build"},
		{"open by a host without a version", fresh, abi.Open, `{}`, "the host version 0: they are not of the same build"},
		{"open with something else", fresh, abi.Open, "hello", "open: invalid character"},
		{"unknown kind", host.guest, 99, "", "unknown message 99"},
		{"request that is not JSON", host.guest, abi.Request, "hello", "the request is not JSON"},
		{"request of another type", host.guest, abi.Request, `{"type":"dance"}`, `type is "dance"`},
		{"request of no type", host.guest, abi.Request, `{}`, `type is ""`},
		{"result without a ticket", host.guest, abi.Result, "12", "ends too early"},
		{"shard of some length", host.guest, abi.Uploaded, "12345", "want 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := told(t, c.g, c.kind, c.data)
			require.Len(t, events, 1)
			require.Equal(t, message.Failed, events[0].Type)
			require.Contains(t, events[0].Message, c.want)
		})
	}
	t.Run("a request is refused by its own id", func(t *testing.T) {
		events := told(t, host.guest, abi.Request, `{"type":"generate","tokens":"x","id":7}`)
		require.Equal(t, []message.Event{{Type: message.Failed, ID: 7, Code: message.BadRequest, Param: "tokens", Message: `tokens is "x", must be a list`}}, events)
	})
	t.Run("ignored", func(t *testing.T) {
		require.Empty(t, told(t, host.guest, abi.Result, string(abi.AppendResult(nil, gpu.Result{Ticket: math.MaxUint32}))), "a ticket nobody waits for")
		require.Empty(t, told(t, host.guest, abi.Uploaded, "\xff\xff\xff\x7f"), "a shard that is not the model's")
		require.Empty(t, told(t, host.guest, abi.Request, `{"type":"cancel","id":7}`), "a request that is not there")
	})
	t.Run("handle without input", func(t *testing.T) {
		_, err := fresh.call(t.Context(), fresh.handle, uint64(abi.Manifest), 1<<20)
		require.NoError(t, err)
		frames, err := fresh.take(t.Context())
		require.NoError(t, err)
		require.Len(t, frames, 1)
		require.Contains(t, string(frames[0].Event), "the input buffer has")
	})
	answer, err := host.Generate(t.Context(), Prompt{Tokens: []int{1}}, greedy(2), nil)
	require.NoError(t, err)
	require.NotEmpty(t, answer.Tokens)
}
