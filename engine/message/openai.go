package message

import (
	"encoding/json"
	"reflect"
)

// ParseChat reads a request for a chat as OpenAI's HTTP API has it: the messages beside the parameters. It is as strict
// as ParseRequest.
func ParseChat(data []byte) (Request, error) {
	var body struct {
		Messages []Message `json:"messages"`
		Params
	}
	if err := parseBody(data, &body); err != nil {
		return Request{}, err
	}
	r := Request{Type: Chat, Messages: body.Messages, Params: body.Params}
	return r, r.Validate()
}

// ParseCompletion reads a request for completions of raw prompts as OpenAI's HTTP API has it: a request for each prompt.
// How the answers are to be handed on comes apart.
func ParseCompletion(data []byte) ([]Request, Delivery, error) {
	var body struct {
		Prompt   prompts `json:"prompt"`
		Logprobs *int    `json:"logprobs" min:"0" max:"20"` // of so many tokens at each place, in this API
		Echo     bool    `json:"echo"`
		BestOf   *int    `json:"best_of" min:"1"`
		Suffix   string  `json:"suffix"`
		Params
	}
	if err := parseBody(data, &body); err != nil {
		return nil, Delivery{}, err
	}
	p := body.Params
	switch {
	case body.Echo:
		return nil, p.Delivery, Refuse("echo", "is true, only false is supported")
	case body.BestOf != nil && *body.BestOf != 1 && (p.N == nil || *body.BestOf != *p.N):
		return nil, p.Delivery, Refuse("best_of", "is %d, only n is supported", *body.BestOf)
	case body.Suffix != "":
		return nil, p.Delivery, Refuse("suffix", "is not supported")
	case p.TopLogprobs != nil:
		return nil, p.Delivery, Refuse("top_logprobs", "is of chats, here logprobs is the number")
	case body.Logprobs != nil:
		p.Logprobs, p.TopLogprobs = true, body.Logprobs
	}
	if err := p.Validate(); err != nil {
		return nil, p.Delivery, err
	}
	delivery := p.Delivery
	p.Delivery = Delivery{}
	var requests []Request
	for _, each := range body.Prompt {
		r := Request{Type: Complete, Prompt: each.text, Tokens: each.ids, Params: p}
		if err := r.Validate(); err != nil {
			return nil, delivery, err
		}
		requests = append(requests, r)
	}
	if len(requests) == 0 {
		return nil, delivery, Refuse("prompt", "is empty, must be text or ids")
	}
	return requests, delivery, nil
}

// parseBody reads an object into a struct.
func parseBody(data []byte, to any) error {
	fields, err := object("", data)
	if err != nil {
		return Errorf(BadRequest, "the request%w", err)
	}
	return decodeFields("", fields, reflect.ValueOf(to).Elem())
}

// prompts are raw prompts; their JSON is a text, its ids, or a list of either.
type prompts []prompt

type prompt struct {
	text string
	ids  []int
}

func (p *prompts) read(path string, data []byte) error {
	var one prompt
	var texts []string
	var lists [][]int
	switch {
	case json.Unmarshal(data, &one.text) == nil, decodeIDs(data, &one.ids):
		*p = prompts{one}
	case json.Unmarshal(data, &texts) == nil:
		for _, text := range texts {
			*p = append(*p, prompt{text: text})
		}
	case json.Unmarshal(data, &lists) == nil:
		for _, ids := range lists {
			*p = append(*p, prompt{ids: ids})
		}
	default:
		return mustBe(path, data, "text, ids, or a list of either")
	}
	return nil
}
