package harness

import (
	"time"

	"tabseek/engine/message"
)

// counters count what has happened up to a moment.
type counters struct {
	at                             time.Time
	dispatches, submits, readbacks int
	guestCalls                     int
	guestTime                      time.Duration
}

func (h *Host) counters() counters {
	c := h.total
	c.at, c.guestCalls, c.guestTime = time.Now(), h.guest.calls, h.guest.spent
	return c
}

// stats tell what has happened since a request began. Of requests that run side by side, each has the counts of all.
func (h *Host) stats(begin, decoding counters, u message.Usage) *message.Stats {
	end := h.counters()
	if decoding.at.IsZero() { // it did not come to that
		decoding = end
	}
	s := &message.Stats{
		PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens,
		PrefillSeconds: decoding.at.Sub(begin.at).Seconds(), DecodeSeconds: end.at.Sub(decoding.at).Seconds(), LoadSeconds: h.loadSeconds,
		Dispatches: end.dispatches - decoding.dispatches, Submits: end.submits - decoding.submits, Readbacks: end.readbacks - decoding.readbacks,
		GuestCalls: end.guestCalls - decoding.guestCalls, GuestSeconds: (end.guestTime - decoding.guestTime).Seconds(),
		WeightBytes: h.info.WeightBytes, KVBytesPerToken: h.info.KVBytesPerToken, GuestHeapBytes: h.guest.memory(),
		Device: h.device.Info().Name, Profile: h.info.Profile,
	}
	s.Count(u.Drafts)
	return s
}

// earliest is the first of moments; zero, if there are none.
func earliest(moments map[int]counters) counters {
	var first counters
	for _, c := range moments {
		if first.at.IsZero() || c.at.Before(first.at) {
			first = c
		}
	}
	return first
}
