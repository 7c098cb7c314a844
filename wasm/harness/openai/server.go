// Package openai serves a loaded model by OpenAI's HTTP API: chats with their reasoning apart, streams, several answers,
// log-probabilities. All clients share one host, and so one GPU.
//
// Shapes and names are those of the page's API (web/src/api/completion.ts, docs/endpoint.md). What the engine would not
// do is refused by name, and a client that goes away takes its work with it.
package openai

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tabseek/server/loopback"
	"tabseek/wasm/harness"
)

// Options say for whom and for how many at once a model is served.
type Options struct {
	Host  *harness.Host
	Model string // its name
	Queue int    // answers that may wait while as many as the host can are computed side by side
	Key   string // that clients must know; empty: none
	// Loopback refuses requests that do not name this machine, so that no foreign page reaches it by rebinding its name.
	Loopback bool
	Log      *slog.Logger
}

// A Server is the API of one model, as an http.Handler.
type Server struct {
	Options
	routes  map[string]route
	queue   *queue
	metrics *metrics
	started time.Time

	stopping context.Context
	stop     func()
}

// A route is what a path answers to.
type route struct {
	method string
	open   bool // to those without the key: it tells nothing of what is asked and answered
	serve  func(http.ResponseWriter, *http.Request)
}

// New makes the server of a model.
func New(o Options) *Server {
	s := &Server{Options: o, queue: newQueue(o.Host.Model().Sequences, o.Queue), metrics: newMetrics(), started: time.Now()}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.routes = map[string]route{
		"/v1/chat/completions":  {http.MethodPost, false, s.chat},
		"/v1/completions":       {http.MethodPost, false, s.completions},
		"/v1/models":            {http.MethodGet, false, s.models},
		"/v1/models/" + o.Model: {http.MethodGet, false, s.model},
		"/healthz":              {http.MethodGet, true, s.health},
		"/metrics":              {http.MethodGet, true, s.showMetrics},
	}
	return s
}

// Stop ends what is under way, with the finish reason abort, and refuses what comes.
func (s *Server) Stop() { s.stop() }

// ServeHTTP answers a request, and notes how in log and metrics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	noted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path := r.URL.Path
	if failure := s.admit(r); failure != nil {
		if failure.status == http.StatusNotFound {
			path = "other" // one line of the metrics, whatever is asked for
		}
		failure.write(noted)
	} else {
		s.routes[path].serve(noted, r)
	}
	s.metrics.request(path, noted.status)
	s.Log.Info("request", "method", r.Method, "path", r.URL.Path, "status", noted.status, "ms", time.Since(start).Milliseconds())
}

// admit refuses what is not for this server, or not from somebody who may ask.
func (s *Server) admit(r *http.Request) *failure {
	route, ok := s.routes[r.URL.Path]
	switch {
	case s.Loopback && !loopback.Host(r.Host):
		return fail(http.StatusForbidden, "forbidden", "this server answers only to localhost")
	case foreign(r):
		return fail(http.StatusForbidden, "forbidden", "this server answers no pages of other origins")
	case !ok && strings.HasPrefix(r.URL.Path, "/v1/models/"):
		return noModel(strings.TrimPrefix(r.URL.Path, "/v1/models/"))
	case !ok:
		return fail(http.StatusNotFound, "not_found", "%s is not here", r.URL.Path)
	case r.Method != route.method && !(r.Method == http.MethodHead && route.method == http.MethodGet):
		f := fail(http.StatusMethodNotAllowed, "method_not_allowed", "%s takes %s, not %s", r.URL.Path, route.method, r.Method)
		f.header = http.Header{"Allow": {route.method}}
		return f
	case !route.open && !s.knowsKey(r):
		f := fail(http.StatusUnauthorized, "invalid_api_key", "the key is missing or wrong, it must come as Authorization: Bearer KEY")
		f.header = http.Header{"Www-Authenticate": {"Bearer"}}
		return f
	}
	return nil
}

// knowsKey compares hashes, so that the time it takes tells nothing of the key.
func (s *Server) knowsKey(r *http.Request) bool {
	if s.Key == "" {
		return true
	}
	kind, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given, want := sha256.Sum256([]byte(strings.TrimSpace(key))), sha256.Sum256([]byte(s.Key))
	return strings.EqualFold(kind, "Bearer") && subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

// foreign tells whether a browser sends the request for a page that is not of this server: another port is another
// origin, and so is null.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true // the origin of a link or a picture is not told
	}
	return slices.ContainsFunc(r.Header.Values("Origin"), func(origin string) bool {
		u, err := url.Parse(origin)
		return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
	})
}

// A modelCard describes the model, in OpenAI's words and, for its context, in vLLM's.
type modelCard struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len"`
}

func (s *Server) card() modelCard {
	return modelCard{s.Model, "model", s.started.Unix(), "tabseek", s.Host.Model().Context}
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Object string      `json:"object"`
		Data   []modelCard `json:"data"`
	}{"list", []modelCard{s.card()}})
}

func (s *Server) model(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.card())
}

// health is ok as long as the host takes requests.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := s.Host.Err(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte(err.Error() + "\n"))
		return
	}
	w.Write([]byte("ok\n"))
}

// statusWriter notes what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
