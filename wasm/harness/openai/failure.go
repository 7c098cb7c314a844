package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// A failure is what a client is told in place of an answer, in OpenAI's shape.
type failure struct {
	status  int
	header  http.Header // that goes with it
	Message string      `json:"message"`
	Type    string      `json:"type"`
	Param   *string     `json:"param"`
	Code    string      `json:"code"`
}

func fail(status int, code, format string, args ...any) *failure {
	kind := "invalid_request_error"
	switch {
	case status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case status >= http.StatusInternalServerError:
		kind = "server_error"
	}
	return &failure{status: status, Message: fmt.Sprintf(format, args...), Type: kind, Code: code}
}

func noModel(name string) *failure {
	f := fail(http.StatusNotFound, "model_not_found", "the model %.100q is not here", name)
	f.Param = param("model")
	return f
}

// param is the name of the parameter at fault, or nothing.
func param(name string) *string {
	if name == "" {
		return nil
	}
	return &name
}

// statuses are of what the engine refuses; what is not here is its fault or the machine's.
var statuses = map[message.Code]int{
	message.BadRequest:   http.StatusBadRequest,
	message.ContextFull:  http.StatusBadRequest,
	message.OutOfMemory:  http.StatusServiceUnavailable,
	message.DeviceLost:   http.StatusServiceUnavailable,
	message.WrongResults: http.StatusServiceUnavailable,
}

// openAICodes are those of the engine's codes that OpenAI has another word for.
var openAICodes = map[message.Code]string{message.ContextFull: "context_length_exceeded"}

// failureOf says what went wrong with a request.
func failureOf(err error) *failure {
	var coded *message.Error
	switch {
	case errors.Is(err, harness.ErrClosed):
		return fail(http.StatusServiceUnavailable, "closing", "the server is about to end")
	case !errors.As(err, &coded):
		return fail(http.StatusInternalServerError, string(message.Internal), "%v", err)
	}
	status, ok := statuses[coded.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	code, ok := openAICodes[coded.Code]
	if !ok {
		code = string(coded.Code)
	}
	f := fail(status, code, "%v", coded)
	f.Param = param(coded.Param)
	return f
}

// body is the failure as it is sent, whole or as an event of a stream.
func (f *failure) body() any {
	return struct {
		Error *failure `json:"error"`
	}{f}
}

func (f *failure) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), f.header)
	writeJSON(w, f.status, f.body())
}

// writeJSON answers with a value. That a client is gone is found out elsewhere.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(v)
}
