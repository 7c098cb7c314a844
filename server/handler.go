package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"time"

	"tabseek/engine/weights"
)

// contentSecurityPolicy lets the page run its own code and nothing else: no other origin, no inline script or
// style, no string that becomes code but through the two Trusted Types policies.
const contentSecurityPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types tabseek dompurify"

// mediaTypes are the types that a bare Go installation does not know, or that must not depend on the machine.
var mediaTypes = map[string]string{
	".wasm": "application/wasm", ".js": "text/javascript; charset=utf-8", ".ts": "text/plain; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".bin": "application/octet-stream", ".svg": "image/svg+xml", ".png": "image/png",
}

// A resource is one file that may be fetched; the set is fixed when the server starts.
type resource struct {
	open      func() (fs.File, error)
	etag      string // strong, or empty
	immutable bool   // named by its content
}

// handler serves an allow-list: what it does not list does not exist, so no path can escape.
type handler struct {
	resources map[string]resource
	index     []byte // /models/index.json
	loopback  bool
	log       *slog.Logger
}

// newHandler lists the page's files and every file of every model. With loopback, requests must name a loopback
// host, so that a foreign page cannot reach the server by rebinding its name.
func newHandler(page fs.FS, models []*weights.Model, log *slog.Logger, loopback bool) http.Handler {
	h := &handler{resources: map[string]resource{}, loopback: loopback, log: log}
	h.addPage(page)
	h.addModels(models)
	return h
}

func (h *handler) addPage(page fs.FS) {
	_ = fs.WalkDir(page, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") || strings.HasPrefix(name, "models/") {
			return nil
		}
		r := resource{open: func() (fs.File, error) { return page.Open(name) }, immutable: isHashed(name)}
		h.resources["/"+name] = r
		if name == "index.html" {
			h.resources["/"] = r
		}
		return nil
	})
}

// isHashed tells whether a file is named by its content, as the build names bundles: app-5f3a9c21.js.
func isHashed(name string) bool {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	_, hash, ok := cutLast(stem, "-")
	return ok && len(hash) == 8 && strings.ToUpper(hash) == hash
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// listing is an entry of /models/index.json.
type listing struct {
	Name         string `json:"name"`
	URL          string `json:"url"`
	Size         int64  `json:"size"`
	ParamsTotal  int64  `json:"params_total"`
	ParamsActive int64  `json:"params_active"`
	Context      int    `json:"context"`
	Chat         string `json:"chat"`
}

func (h *handler) addModels(models []*weights.Model) {
	list := []listing{}
	for _, m := range models {
		name := filepath.Base(m.Dir)
		base := "/models/" + name
		h.resources[base+"/"+weights.ManifestFile] = resource{open: func() (fs.File, error) { return m.Open(weights.ManifestFile) }}
		h.resources[base+"/"+m.Tokenizer.File] = resource{open: func() (fs.File, error) { return m.Open(m.Tokenizer.File) }, etag: m.Tokenizer.SHA256}
		for _, s := range m.Shards {
			h.resources[base+"/"+s.File] = resource{open: func() (fs.File, error) { return m.Open(s.File) }, etag: s.SHA256, immutable: true}
		}
		l := listing{Name: name, URL: base, Size: m.Bytes(), Chat: m.Chat}
		if i, err := inspectModel(m); err == nil {
			l.ParamsTotal, l.ParamsActive, l.Context = i.ParamsTotal, i.ParamsActive, i.Context
		}
		list = append(list, l)
	}
	h.index, _ = json.Marshal(map[string]any{"models": list}) // plain structs
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	recorded := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	h.serve(recorded, r)
	h.log.Info("request", "method", r.Method, "path", r.URL.Path, "status", recorded.status, "bytes", recorded.bytes, "ms", time.Since(start).Milliseconds())
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header())
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	case h.loopback && !loopbackHost(r.Host):
		http.Error(w, "this server answers only to localhost", http.StatusForbidden)
		return
	case r.URL.Path == "/healthz":
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, "ok\n")
		return
	case r.URL.Path == "/models/index.json":
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Type", "application/json")
		w.Write(h.index)
		return
	}
	res, ok := h.resources[r.URL.Path]
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	// A client of shards asks for one range; several only serve to make a server work hard (RFC 9110, section 14.2, allows ignoring them).
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range")
	}
	h.serveResource(w, r, res)
}

func (h *handler) serveResource(w http.ResponseWriter, r *http.Request, res resource) {
	f, err := res.open()
	if err != nil {
		h.log.Error("open", "path", r.URL.Path, "error", err)
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	if !ok {
		http.Error(w, "not readable", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", mediaType(r.URL.Path))
	header.Set("Cache-Control", "no-cache")
	if res.immutable {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if res.etag != "" {
		header.Set("ETag", `"`+res.etag+`"`)
	}
	http.ServeContent(w, r, "", time.Time{}, content)
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

// loopbackHost tells whether a Host header names this machine.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// statusWriter notes what was answered, for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
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
