package message

import "reflect"

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

// parseBody reads an object into a struct.
func parseBody(data []byte, to any) error {
	fields, err := object("", data)
	if err != nil {
		return Errorf(BadRequest, "the request%w", err)
	}
	return decodeFields("", fields, reflect.ValueOf(to).Elem())
}
