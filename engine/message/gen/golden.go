package main

import (
	"bytes"
	"encoding/json"
	"reflect"

	"tabseek/engine/message"
)

// requests are golden requests: one of each type, and one with every field there is.
func requests() []any {
	all := message.Request{Type: message.Chat}
	fill(reflect.ValueOf(&all.Params).Elem())
	all.Messages = []message.Message{{Role: message.System, Content: "Be brief."}, {Role: message.User, Content: "1 + 1 ｜"}, {Role: message.Assistant, Content: "2", ReasoningContent: "One and one", Prefix: true}}
	all.Params.Stop = message.Stop{"=", "\n"}
	all.Params.ReasoningEffort = message.EffortLow
	all.Params.Strategy.Mode, all.Params.Strategy.Stop = message.ShortM, message.StopBeta
	*all.Params.Strategy.Verifier = message.Verifier{Type: message.VerifyJSON, Schema: message.Schema(`{"type":"integer"}`)}
	target := 5
	voted := func(v message.Verifier) message.Request {
		r := message.Request{Type: message.Chat, ID: 5, Messages: []message.Message{{Role: message.User, Content: "What is 2 + 3?"}}}
		r.Params.Strategy = &message.Strategy{Mode: message.Vote, Verifier: &v}
		return r
	}
	return []any{
		message.Request{Type: message.Chat, ID: 1, Messages: []message.Message{{Role: message.User, Content: "What is 2 + 3?"}}},
		message.Request{Type: message.Generate, ID: 4294967295, Tokens: []int{256, 0, 163839}},
		message.Request{Type: message.Complete, ID: 6, Prompt: "1 + 1 ="},
		message.Request{Type: message.Logits, ID: 3, Tokens: []int{1}, Mode: message.Decode, Draft: true},
		message.Request{Type: message.Timing, ID: 4, Measure: &message.Measure{Batch: 8, Depth: 512, Rows: 2048, Columns: 1408, Format: "q4_0"}},
		message.Request{Type: message.Experts, ID: 8},
		message.Request{Type: message.Cancel, ID: 1},
		voted(message.Verifier{Type: message.VerifyFunction}),
		voted(message.Verifier{Type: message.VerifyCountdown, Numbers: []int{2, 3}, Target: &target}),
		voted(message.Verifier{Type: message.VerifyRegex, Pattern: `\d+`}),
		message.Request{Type: message.Verdict, ID: 5, Trace: 1, Accepted: true},
		message.Request{Type: message.AnswerNow, ID: 5},
		message.Request{Type: message.Said, ID: 7, Trace: 1, Content: "5", Reasoning: "2+3"},
		message.Request{Type: message.Ended, ID: 7, Trace: 1, FinishReason: message.Stopped},
		message.Request{Type: message.ThinkLonger, ID: 5},
		all,
	}
}

// events are golden events: one with every field there is, and one of each type that hosts act upon.
func events() []any {
	var all message.Event
	fill(reflect.ValueOf(&all).Elem())
	all.Type, all.Code, all.FinishReason = message.Delta, message.Internal, message.Length
	likely := func(id int, token string, p float64) message.TopLogprob {
		return message.TopLogprob{ID: id, Token: token, Logprob: p, Bytes: []int{int(token[0])}}
	}
	five := message.Logprob{ID: 53, Token: "5", Logprob: -0.25, Bytes: []int{53}, TopLogprobs: []message.TopLogprob{likely(53, "5", -0.25), likely(54, "6", -1.5)}}
	return []any{
		message.Event{Type: message.Prefilled, ID: 1, Done: 9, Total: 9},
		message.Event{Type: message.Decoding, ID: 1},
		message.Event{Type: message.Delta, ID: 1, Reasoning: "2+3\n", Tokens: []int{50, 43, 51, 10}},
		message.Event{Type: message.Delta, ID: 1, Content: "5", Tokens: []int{53}, Logprobs: &message.Logprobs{Content: []message.Logprob{five}}},
		message.Event{Type: message.Done, ID: 1, FinishReason: message.Stopped, Usage: &message.Usage{PromptTokens: 9, CachedTokens: 4, CompletionTokens: 5, ReasoningTokens: 4}},
		message.Event{Type: message.LaneEvent, ID: 5, Lane: &message.Lane{Trace: 1, Purpose: message.ForAnswer, Content: `\boxed{5}`, Tokens: 12, Confidence: 7.5, Answer: "5", Finish: message.TraceStopped}},
		message.Event{Type: message.Tallied, ID: 5, Tally: &message.Tally{Groups: []message.Group{{Key: "5", Count: 2, Weight: 2}}, Agreement: 1, Ended: 2, Running: 1}},
		message.Event{Type: message.Verify, ID: 5, Lane: &message.Lane{Trace: 1, Purpose: message.ForAnswer, Content: `\boxed{5}`, Tokens: 12, Answer: "5"}},
		message.ErrorEvent(1, message.Refuse("max_tokens", "is 8.5, must be an integer from 1 on")),
		all,
	}
}

// fill sets every field of a value that has none yet, lists and maps with one element.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint32:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.String:
		v.SetString("é")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(v.Field(i))
			}
		}
	}
}

// lines is a JSON list with an element a line.
func lines(list []any) ([]byte, error) {
	var b bytes.Buffer
	for i, v := range list {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		b.WriteString([]string{"[\n", ",\n"}[min(i, 1)])
		b.Write(text)
	}
	b.WriteString("\n]\n")
	return b.Bytes(), nil
}
