package message

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Validate names the first field whose value is out of bounds. What it takes from the vocabulary or the context of a
// model is the engine's to check.
func (r *Request) Validate() error {
	switch {
	case !slices.Contains(requestTypes, r.Type):
		return Refuse("type", "is %q, must be %s", r.Type, oneOf(requestTypes))
	case r.Mode != "" && !slices.Contains(modes, r.Mode):
		return Refuse("mode", "is %q, must be %s", r.Mode, oneOf(modes))
	case (r.Type == Chat || r.Type == Panel) && len(r.Messages) == 0:
		return Refuse("messages", "is empty, must have at least one")
	case (r.Type == Generate || r.Type == Logits) && len(r.Tokens) == 0:
		return Refuse("tokens", "is empty, the prompt must have at least one")
	case r.Type == Complete && r.Prompt == "" && len(r.Tokens) == 0:
		return Refuse("prompt", "is empty, must be text or ids")
	case r.Type == Complete && r.Prompt != "" && len(r.Tokens) > 0:
		return Refuse("tokens", "are given beside prompt")
	case r.Type == Panel && r.Params.Strategy == nil:
		return Refuse("strategy", "is missing")
	case r.Type == Ended && !slices.Contains(reasons, r.FinishReason):
		return Refuse("finish_reason", "is %q, must be %s", r.FinishReason, oneOf(reasons))
	case (r.Type == Generate || r.Type == Complete) && r.Params.Strategy != nil:
		return Refuse("strategy", "is for chats, not for raw prompts")
	case (r.Type == Generate || r.Type == Complete) && r.Params.Delivery != Delivery{}:
		return Errorf(BadRequest, "stream and stream_options are for chats, not for raw prompts")
	}
	if r.Measure != nil {
		if err := r.Measure.validate(); err != nil {
			return err
		}
	}
	for i, m := range r.Messages {
		if !slices.Contains(roles, m.Role) {
			return Refuse(at("messages", i)+".role", "is %q, must be %s", m.Role, oneOf(roles))
		}
		if m.Prefix && (m.Role != Assistant || i != len(r.Messages)-1) {
			return Refuse(at("messages", i)+".prefix", "is true, which only a last message from the assistant may have")
		}
	}
	return r.Params.Validate()
}

// Validate names the first parameter whose value is out of bounds.
func (p *Params) Validate() error {
	if err := checkFields("", reflect.ValueOf(p).Elem()); err != nil {
		return err
	}
	if p.Strategy != nil {
		if err := p.Strategy.Validate(); err != nil {
			return err
		}
	}
	if err := p.Budgets.validate(); err != nil {
		return err
	}
	switch {
	case p.TopLogprobs != nil && !p.Logprobs:
		return Refuse("top_logprobs", "is given without logprobs: true")
	case p.StreamOptions != nil && !p.Stream:
		return Refuse("stream_options", "is given without stream: true")
	case p.EnableThinking != nil && p.Thinking != nil && *p.EnableThinking != bool(*p.Thinking):
		return Refuse("enable_thinking", "is %t, but thinking is %t", *p.EnableThinking, *p.Thinking)
	case p.ReasoningEffort == EffortNone && (p.Thinking != nil && bool(*p.Thinking) || p.EnableThinking != nil && *p.EnableThinking):
		return Refuse("reasoning_effort", "is none, but thinking is true")
	case p.Strategy != nil && p.N != nil && (p.Strategy.N == nil || *p.N != *p.Strategy.N):
		return Refuse("n", "is %d beside a strategy, which has its own", *p.N)
	}
	return p.Stop.validate()
}

// checkFields checks the numbers among a struct's fields. Prefix comes before their names.
func checkFields(prefix string, v reflect.Value) error {
	for _, f := range Fields(v.Type()) {
		at := v.FieldByIndex(f.index)
		f.Name = prefix + f.Name
		if err := f.checkAll(at); err != nil {
			return err
		}
	}
	return nil
}

// checkAll checks a number, if there is one, or each number of a map.
func (f Field) checkAll(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return f.checkAll(v.Elem())
		}
	case reflect.Int:
		return f.Check(float64(v.Int()))
	case reflect.Uint32:
		return f.Check(float64(v.Uint()))
	case reflect.Float64:
		return f.Check(v.Float())
	case reflect.Map:
		bias, _ := v.Interface().(map[int]float64)
		for _, id := range slices.Sorted(maps.Keys(bias)) { // so that the same request has the same error
			each := f
			each.Name += "[" + strconv.Itoa(id) + "]"
			if id < 0 {
				return Refuse(each.Name, "is of a negative id, must be of a token's")
			}
			if err := each.Check(bias[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Stop) validate() error {
	if len(s) > MaxStops {
		return Refuse("stop", "has %d texts, must have at most %d", len(s), MaxStops)
	}
	for i, text := range s {
		switch {
		case text == "":
			return Refuse(at("stop", i), "is empty, must be text to stop at")
		case len(text) > MaxStopBytes:
			return Refuse(at("stop", i), "has %d bytes, must have at most %d", len(text), MaxStopBytes)
		}
	}
	return nil
}

func at(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// The words that fields of these types may be.
var (
	requestTypes = []RequestType{Chat, Generate, Complete, Logits, Timing, Experts, Cancel, AnswerNow, ThinkLonger, Panel, Said, Ended, Verdict}
	modes        = []Mode{Prefill, Decode}
	reasons      = []FinishReason{Stopped, Length, Abort}
	roles        = []Role{System, Developer, User, Assistant}
)

// oneOf lists words for people: "prefill or decode".
func oneOf[T ~string](words []T) string {
	text := ""
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			text += " or "
		case i > 0:
			text += ", "
		}
		text += string(w)
	}
	return text
}
