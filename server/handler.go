package main

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tabseek/engine/weights"
	"tabseek/server/loopback"
	"tabseek/server/remote"
)

// contentSecurityPolicy lets the page run its own code and nothing else: no other origin, no inline script or
// style, no string that becomes code but through these Trusted Types policies.
const contentSecurityPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types tabseek tabseek-page dompurify"

// mediaTypes are the types that a bare Go installation does not know, or that must not depend on the machine.
var mediaTypes = map[string]string{
	".wasm": "application/wasm", ".js": "text/javascript; charset=utf-8", ".ts": "text/plain; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".bin": "application/octet-stream", ".svg": "image/svg+xml", ".png": "image/png",
}

// handler serves an allow-list: what it does not list does not exist, so no path can escape.
type handler struct {
	resources map[string]resource // by path
	remote    *remote.Proxy       // of all below /remote/; nil if there are no models elsewhere
	local     bool                // it answers only to local names
	log       *slog.Logger
}

// hosted is what a server has beside the page.
type hosted struct {
	models    []*weights.Model
	elsewhere remotes
	profile   string // of the kernels, that pages are to use without measuring
}

// newHandler lists the page's files, every file of every model, and the models elsewhere. With local, requests must name a loopback
// host, so that a foreign page cannot reach the server by rebinding its name.
func newHandler(page fs.FS, has hosted, log *slog.Logger, local bool) (*handler, error) {
	h := &handler{resources: map[string]resource{}, local: local, log: log}
	if elsewhere := has.elsewhere; len(elsewhere.upstreams) > 0 {
		h.remote = remote.New(elsewhere.upstreams, elsewhere.token, log)
	}
	if err := h.addPage(page); err != nil {
		return nil, err
	}
	return h, h.addModels(has)
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	recorded := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	defer func() { // also of an answer that a remote model broke off
		h.log.Info("request", "method", r.Method, "path", r.URL.Path, "status", recorded.status, "bytes", recorded.bytes, "ms", time.Since(start).Milliseconds())
	}()
	h.serve(recorded, r)
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header())
	switch {
	case h.local && !loopback.Host(r.Host):
		fail(w, http.StatusForbidden, "this server answers only to localhost")
		return
	case h.remote != nil && strings.HasPrefix(r.URL.Path, remote.Prefix):
		h.remote.ServeHTTP(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "only GET and HEAD")
		return
	case r.URL.Path == "/healthz":
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "ok\n")
		return
	}
	res, ok := h.resources[r.URL.Path]
	if !ok {
		fail(w, http.StatusNotFound, "not found")
		return
	}
	if !singleRange(r.Header.Get("Range")) {
		r.Header.Del("Range")
	}
	h.serveResource(w, r, res)
}

func (h *handler) serveResource(w http.ResponseWriter, r *http.Request, res resource) {
	header := w.Header()
	body := res.body
	if res.brotli != nil {
		header.Set("Vary", "Accept-Encoding")
		// A range is one of the plain bytes: a client that resumes must not get a piece of something else.
		if r.Header.Get("Range") == "" && accepts(r.Header.Get("Accept-Encoding"), "br") {
			body = *res.brotli
			header.Set("Content-Encoding", "br")
		}
	}
	content, err := body.open()
	if err != nil {
		h.log.Error("open", "path", r.URL.Path, "error", err)
		header.Del("Content-Encoding")
		if errors.Is(err, fs.ErrNotExist) {
			fail(w, http.StatusNotFound, "not found")
		} else {
			fail(w, http.StatusInternalServerError, "damaged on the server")
		}
		return
	}
	defer content.Close()
	if header.Get("Content-Encoding") != "" { // ServeContent leaves the length out, and the page shows progress by it
		header.Set("Content-Length", strconv.FormatInt(body.size, 10))
	}
	header.Set("Content-Type", mediaType(r.URL.Path))
	header.Set("ETag", `"`+body.sha256+`"`)
	header.Set("Cache-Control", "no-cache")
	if res.immutable {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, content)
}

// fail answers with an error, which nobody is to keep.
func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, message, status)
}

var singleRangeForm = regexp.MustCompile(`^bytes=(\d+-\d*|-0*[1-9]\d*)$`)

// singleRange tells whether a Range header asks for one range of bytes, which is all that resuming needs. Others are
// ignored, as RFC 9110, section 14.2, allows: many ranges make a server work hard, and ServeContent answers
// bytes=-0 with nonsense and unknown units with 416.
func singleRange(value string) bool { return singleRangeForm.MatchString(value) }

// accepts tells whether an Accept-Encoding header names the coding, and not to refuse it.
func accepts(header, coding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		weight, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q=")
		if !ok {
			return true
		}
		q, err := strconv.ParseFloat(weight, 64)
		return err == nil && q > 0
	}
	return false
}

func mediaType(name string) string {
	extension := path.Ext(name)
	if extension == "" {
		return mediaTypes[".html"]
	}
	if t, ok := mediaTypes[extension]; ok {
		return t
	}
	if t := mime.TypeByExtension(extension); t != "" {
		return t
	}
	return "application/octet-stream"
}

func setSecurityHeaders(header http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      contentSecurityPolicy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), microphone=(), geolocation=()",
	} {
		header.Set(name, value)
	}
}

// statusWriter notes what was answered, for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if status == http.StatusPreconditionFailed { // ServeContent sends no body then, but what was said of one
		w.Header().Del("Content-Length")
		w.Header().Del("Content-Encoding")
		w.Header().Set("Cache-Control", "no-store")
	}
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom keeps the fast path from file to socket.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
