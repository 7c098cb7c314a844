package harness

import "time"

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

// Stats tell what an answer took. Dispatches, submits, readbacks and guest calls are those of the decode phase,
// steps past the end of the answer included.
type Stats struct {
	PromptTokens     int     `json:"prompt_tokens"`
	CompletionTokens int     `json:"completion_tokens"`
	PrefillSeconds   float64 `json:"prefill_seconds"`
	DecodeSeconds    float64 `json:"decode_seconds"`
	LoadSeconds      float64 `json:"load_seconds"`
	Dispatches       int     `json:"dispatches"`
	Submits          int     `json:"submits"`
	Readbacks        int     `json:"readbacks"`
	GuestCalls       int     `json:"guest_calls"`
	GuestSeconds     float64 `json:"guest_seconds"`
	WeightBytes      int64   `json:"weight_bytes"`
	KVBytesPerToken  int64   `json:"kv_bytes_per_token"`
	GuestHeapBytes   int64   `json:"guest_heap_bytes"` // the guest's whole linear memory
	Device           string  `json:"device"`
	Profile          string  `json:"profile"`
}

func (h *Host) stats(begin, decoding counters, u usage) Stats {
	end := h.counters()
	return Stats{
		PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens,
		PrefillSeconds: decoding.at.Sub(begin.at).Seconds(), DecodeSeconds: end.at.Sub(decoding.at).Seconds(), LoadSeconds: h.loadSeconds,
		Dispatches: end.dispatches - decoding.dispatches, Submits: end.submits - decoding.submits, Readbacks: end.readbacks - decoding.readbacks,
		GuestCalls: end.guestCalls - decoding.guestCalls, GuestSeconds: (end.guestTime - decoding.guestTime).Seconds(),
		WeightBytes: h.info.WeightBytes, KVBytesPerToken: h.info.KVBytesPerToken, GuestHeapBytes: h.guest.memory(),
		Device: h.device.Info().Name, Profile: h.info.Profile,
	}
}
