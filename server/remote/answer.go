package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// A refusal is an error in OpenAI's shape.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf(format, args...)}
}

// body is what clients of OpenAI's API look for.
func (r *refusal) body() []byte {
	kind := "invalid_request_error"
	if r.status >= 500 {
		kind = "server_error"
	}
	text, err := json.Marshal(map[string]any{"error": map[string]any{"message": r.message, "type": kind, "param": nil, "code": r.code}})
	if err != nil {
		panic(err) // it is text alone
	}
	return text
}

func (r *refusal) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	if r.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="tabseek"`)
	}
	w.WriteHeader(r.status)
	w.Write(r.body())
}

// explain says why an upstream gave no answer. Addresses stay in the log: visitors need not know them.
func explain(name string, err error) *refusal {
	var own *refusal
	var dial *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &dial) && dial.Op == "dial":
		return refuse(http.StatusBadGateway, "remote_unreachable", "%s cannot be reached", name)
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return refuse(http.StatusGatewayTimeout, "remote_timeout", "%s did not answer in time", name)
	}
	return refuse(http.StatusBadGateway, "remote_unreachable", "%s gave no answer", name)
}

// maxExplanation bounds what is repeated of an upstream's own words.
const maxExplanation = 500

// checkAnswer lets JSON and event streams through, with the few headers that a client needs. All else is no answer of an
// OpenAI API: a login page, a redirect, an error of some proxy on the way.
func checkAnswer(name string, r *http.Response) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	header := http.Header{"Cache-Control": {"no-store"}, "X-Accel-Buffering": {"no"}}
	for _, kept := range []string{"Content-Type", "Retry-After"} {
		if value := r.Header.Get(kept); value != "" {
			header.Set(kept, value)
		}
	}
	r.Header, r.Trailer = header, nil
	html := strings.Contains(kind, "html")
	switch {
	case r.StatusCode >= 300 && r.StatusCode < 400:
		return refuse(http.StatusBadGateway, "remote_failed", "%s sends the request elsewhere (status %d), which is not followed", name, r.StatusCode)
	case kind == "application/json" || kind == "text/event-stream":
		return nil
	case r.StatusCode == http.StatusTooManyRequests:
		return replaceBody(r, refuse(r.StatusCode, "rate_limited", "%s has too many requests", name))
	case html:
		return refuse(http.StatusBadGateway, "remote_failed", "%s answered with a web page (status %d): is its address right?", name, r.StatusCode)
	case r.StatusCode < 400:
		return refuse(http.StatusBadGateway, "remote_failed", "%s answered with %s, want JSON", name, orNothing(kind))
	}
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxExplanation))
	return replaceBody(r, refuse(r.StatusCode, "remote_failed", "%s: %s", name, orNothing(strings.TrimSpace(strings.ToValidUTF8(string(text), "")))))
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// replaceBody answers with an error, under the upstream's status.
func replaceBody(r *http.Response, e *refusal) error {
	body := e.body()
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}
