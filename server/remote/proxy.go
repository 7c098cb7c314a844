// Package remote lets the page ask models that run elsewhere, by OpenAI's API: a proxy under the page's own origin, so that
// neither cross-origin rules nor keys are the page's concern. What it does not list does not exist.
package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// Prefix is what the paths of all upstreams begin with.
const Prefix = "/remote/"

// endpoints are what may be asked of an upstream, and how.
var endpoints = map[string]string{
	"chat/completions": http.MethodPost,
	"completions":      http.MethodPost,
	"models":           http.MethodGet,
}

const (
	maxRequest    = 16 << 20         // bytes
	dialTimeout   = 5 * time.Second  // an upstream that is off
	listTimeout   = 15 * time.Second // for models
	firstByteTime = 5 * time.Minute  // a long prompt, or a whole answer that is not streamed
	clientTimeout = time.Minute      // for a client to send its request, and to take a piece of the answer
)

// A Proxy hands requests on to upstreams, and their answers back as they come.
type Proxy struct {
	upstreams map[string]*httputil.ReverseProxy
	token     [sha256.Size]byte
	locked    bool // requests need the token
	log       *slog.Logger
}

// New makes a proxy. With a token, requests must bring it as their bearer token.
func New(upstreams []Upstream, token string, log *slog.Logger) *Proxy {
	return newProxy(upstreams, token, log, firstByteTime)
}

func newProxy(upstreams []Upstream, token string, log *slog.Logger, firstByte time.Duration) *Proxy {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		ResponseHeaderTimeout: firstByte, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 16, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true, // a compressed stream comes in clots
	}
	p := &Proxy{upstreams: map[string]*httputil.ReverseProxy{}, token: sha256.Sum256([]byte(token)), locked: token != "", log: log}
	for _, u := range upstreams {
		p.upstreams[u.Name] = p.proxyTo(u, transport)
	}
	return p
}

func (p *Proxy) proxyTo(u Upstream, transport http.RoundTripper) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			_, endpoint, _ := split(r.In.URL.Path)
			r.Out.URL = &url.URL{Scheme: u.url.Scheme, Host: u.url.Host, Path: u.url.Path + "/v1/" + endpoint}
			r.Out.Host = ""
			r.Out.Header = headerFor(r.In, u.key)
		},
		ModifyResponse: func(r *http.Response) error { return checkAnswer(u.Name, r) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if !errors.Is(err, context.Canceled) { // the client is gone
				p.log.Warn("remote", "name", u.Name, "error", err)
			}
			explain(u.Name, err).write(w)
		},
	}
}

// headerFor is what an upstream gets to see: no cookie, no key of the client's, nothing about where it is.
func headerFor(in *http.Request, key string) http.Header {
	header := http.Header{"User-Agent": {"tabseek"}}
	for _, kept := range []string{"Content-Type", "Accept"} {
		if value := in.Header.Get(kept); value != "" {
			header.Set(kept, value)
		}
	}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	return header
}

// split takes /remote/NAME/v1/ENDPOINT apart.
func split(path string) (name, endpoint string, ok bool) {
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/v1/")
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := p.serve(w, r); err != nil {
		err.write(w)
	}
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) *refusal {
	if err := p.checkOrigin(r); err != nil {
		return err
	}
	if !p.admits(r) {
		return refuse(http.StatusUnauthorized, "remote_auth", "this server's remote models need its token")
	}
	name, endpoint, _ := split(r.URL.Path)
	upstream, method := p.upstreams[name], endpoints[endpoint]
	switch {
	case upstream == nil:
		return refuse(http.StatusNotFound, "not_found", "there is no remote model at %s", r.URL.Path)
	case method == "":
		return refuse(http.StatusNotFound, "not_found", "only chat/completions, completions and models are handed on")
	case r.Method != method:
		w.Header().Set("Allow", method)
		return refuse(http.StatusMethodNotAllowed, "method_not_allowed", "%s is for %s alone", endpoint, method)
	}
	connection := http.NewResponseController(w) // some writers have no deadlines; then there are none
	if method == http.MethodGet {
		ctx, cancel := context.WithTimeout(r.Context(), listTimeout)
		defer cancel()
		r = r.WithContext(ctx)
	} else if err := readBody(w, r, connection); err != nil {
		return err
	}
	upstream.ServeHTTP(&patientWriter{w, connection}, r)
	return nil
}

// readBody takes the whole request before any of it is handed on, so that a slow client holds no upstream.
func readBody(w http.ResponseWriter, r *http.Request, connection *http.ResponseController) *refusal {
	connection.SetReadDeadline(time.Now().Add(clientTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "too_large", "the request has more than %d bytes", tooLarge.Limit)
	case err != nil:
		return refuse(http.StatusBadRequest, "bad_request", "the request did not come whole")
	}
	connection.SetReadDeadline(time.Time{})
	// GetBody lets the transport try once more where a connection that it had kept was closed.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength, r.TransferEncoding = int64(len(body)), nil
	return nil
}

// checkOrigin refuses what a browser sends on behalf of another page. Without a token, it also refuses what comes by way of
// another proxy, which makes strangers look like this machine's own users.
func (p *Proxy) checkOrigin(r *http.Request) *refusal {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	// A page cannot add these headers to a request to another origin without being asked first, and the answer is no.
	forwardedHost, forwardedScheme := r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Forwarded-Proto")
	if p.locked {
		host, scheme = cmp.Or(forwardedHost, host), cmp.Or(forwardedScheme, scheme)
	} else if forwardedHost != "" || forwardedScheme != "" || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return refuse(http.StatusForbidden, "forbidden", "behind a proxy, remote models need --remote-auth")
	}
	site := r.Header.Get("Sec-Fetch-Site")
	_, stated := r.Header["Origin"]
	if stated && !sameOrigin(r.Header.Values("Origin"), scheme, host) || !stated && site != "" && site != "same-origin" && site != "none" {
		return refuse(http.StatusForbidden, "foreign_origin", "remote models are for this server's own page")
	}
	return nil
}

func sameOrigin(stated []string, scheme, host string) bool {
	if len(stated) != 1 {
		return false
	}
	origin, err := url.Parse(stated[0])
	return err == nil && origin.Scheme == scheme && strings.EqualFold(withPort(origin.Host, scheme), withPort(host, scheme))
}

// withPort is a host with its port, which browsers leave out where it is the scheme's own.
func withPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "80"
	if scheme == "https" {
		port = "443"
	}
	return strings.Trim(host, "[]") + ":" + port
}

func (p *Proxy) admits(r *http.Request) bool {
	if !p.locked {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], p.token[:]) == 1
}

// patientWriter gives a client time for each piece, and not for the whole of an answer, which may think for an hour.
type patientWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w *patientWriter) Write(b []byte) (int, error) {
	w.connection.SetWriteDeadline(time.Now().Add(clientTimeout))
	defer w.connection.SetWriteDeadline(time.Time{})
	return w.ResponseWriter.Write(b)
}

// FlushError is where a small piece goes out.
func (w *patientWriter) FlushError() error {
	w.connection.SetWriteDeadline(time.Now().Add(clientTimeout))
	defer w.connection.SetWriteDeadline(time.Time{})
	return w.connection.Flush()
}
