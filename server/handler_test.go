package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabseek/engine/weights"
)

const (
	bundle   = "/main-GVDSWJ2K.js"
	noCache  = "no-cache"
	forever  = "public, max-age=31536000, immutable"
	noStore  = "no-store"
	jsType   = "text/javascript; charset=utf-8"
	textType = "text/plain; charset=utf-8"
)

// page is a built page: br files hold other bytes than their plain twins, as real ones do.
var page = map[string]string{
	"index.html": "<!doctype html>", "index.html.br": "br index",
	bundle[1:]: "plain bundle, 0123456789", bundle[1:] + ".br": "br bundle",
	"worker.js": "worker", "engine.wasm": "\x00asm plain", "engine.wasm.br": "br asm", "tabseek.d.ts": "types",
	"manifest.webmanifest": "{}", ".gitkeep": "", "types/api.d.ts": "more types",
	"orphan.txt.br": "of a file that is gone", "models/pocket/model.json": "{}",
}

// quoted is the ETag of content.
func quoted(content string) string {
	sum := sha256.Sum256([]byte(content))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// newTestHandler serves page and one packed model.
func newTestHandler(t *testing.T, loopback bool) (http.Handler, *weights.Model) {
	t.Helper()
	files := fstest.MapFS{}
	for name, content := range page {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	model, err := weights.OpenModel(packTiny(t))
	require.NoError(t, err)
	handler, err := newHandler(files, hosted{models: []*weights.Model{model}}, slog.New(slog.DiscardHandler), loopback)
	require.NoError(t, err)
	return handler, model
}

// An exchange is a request and what must come back.
type exchange struct {
	name, method, path string // method: GET unless said
	request            map[string]string
	status             int
	body               string // "*": whatever
	header             map[string]string
}

func (e exchange) check(t *testing.T, handler http.Handler) {
	method := e.method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "http://localhost:8080/", nil)
	r.URL.Path = e.path // as it arrives, escapes decoded
	for name, value := range e.request {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, e.status, w.Code, w.Body.String())
	if e.body != "*" {
		require.Equal(t, e.body, w.Body.String())
	}
	for name, value := range e.header {
		require.Equal(t, value, w.Header().Get(name), name)
	}
	for name, value := range map[string]string{
		"Content-Security-Policy": contentSecurityPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "camera=(), microphone=(), geolocation=()",
	} {
		require.Equal(t, value, w.Header().Get(name), name)
	}
	if e.status >= 400 {
		require.NotContains(t, w.Header().Get("Cache-Control"), "max-age", "nobody may keep an error")
	}
}

type headers = map[string]string

func TestPage(t *testing.T) {
	handler, _ := newTestHandler(t, true)
	plain := page[bundle[1:]]
	length := strconv.Itoa(len(plain))
	for _, e := range []exchange{
		{name: "root is the index", path: "/", status: 200, body: page["index.html"],
			header: headers{"Content-Type": "text/html; charset=utf-8", "Cache-Control": noCache, "ETag": quoted(page["index.html"]), "Vary": "Accept-Encoding"}},
		{name: "index by name", path: "/index.html", status: 200, body: page["index.html"], header: headers{"Content-Type": "text/html; charset=utf-8"}},
		{name: "a hashed bundle never changes", path: bundle, status: 200, body: plain, header: headers{"Cache-Control": forever, "Content-Type": jsType, "Content-Length": length}},
		{name: "others are asked for again", path: "/worker.js", status: 200, body: "worker", header: headers{"Cache-Control": noCache, "Vary": "", "Content-Encoding": ""}},
		{name: "wasm type", path: "/engine.wasm", status: 200, body: page["engine.wasm"], header: headers{"Content-Type": "application/wasm"}},
		{name: "declarations are text", path: "/tabseek.d.ts", status: 200, body: "types", header: headers{"Content-Type": textType}},
		{name: "a folder's file", path: "/types/api.d.ts", status: 200, body: "more types"},
		{name: "web manifest type", path: "/manifest.webmanifest", status: 200, body: "{}", header: headers{"Content-Type": "application/manifest+json"}},
		{name: "health", path: "/healthz", status: 200, body: "ok\n", header: headers{"Cache-Control": noStore, "Content-Type": textType}},

		{name: "reload", path: "/", request: headers{"If-None-Match": quoted(page["index.html"])}, status: 304, header: headers{"ETag": quoted(page["index.html"]), "Cache-Control": noCache, "Vary": "Accept-Encoding"}},
		{name: "reload of an older page", path: "/", request: headers{"If-None-Match": quoted("older")}, status: 200, body: page["index.html"]},
		{name: "reload of br", path: "/", request: headers{"If-None-Match": quoted("br index"), "Accept-Encoding": "br"}, status: 304,
			header: headers{"ETag": quoted("br index"), "Content-Encoding": "", "Content-Length": "", "Vary": "Accept-Encoding"}},
		{name: "br does not match the plain tag", path: "/", request: headers{"If-None-Match": quoted(page["index.html"]), "Accept-Encoding": "br"}, status: 200, body: "br index"},

		{name: "br", path: bundle, request: headers{"Accept-Encoding": "gzip, deflate, br, zstd"}, status: 200, body: "br bundle",
			header: headers{"Content-Encoding": "br", "Content-Length": "9", "Vary": "Accept-Encoding", "ETag": quoted("br bundle"), "Content-Type": jsType, "Cache-Control": forever}},
		{name: "br that should be another", path: bundle, request: headers{"Accept-Encoding": "br", "If-Match": quoted("another")}, status: 412,
			header: headers{"Content-Encoding": "", "Content-Length": ""}},
		{name: "br that it should be", path: bundle, request: headers{"Accept-Encoding": "br", "If-Match": quoted("br bundle")}, status: 200, body: "br bundle"},
		{name: "br that should be another, by HEAD", method: "HEAD", path: bundle, request: headers{"Accept-Encoding": "br", "If-Match": quoted("another")}, status: 412,
			header: headers{"Content-Encoding": ""}},
		{name: "plain that should be another", path: bundle, request: headers{"If-Match": quoted("another")}, status: 412},
		{name: "br of the root", path: "/", request: headers{"Accept-Encoding": "br;q=0.5"}, status: 200, body: "br index", header: headers{"Content-Encoding": "br", "Content-Type": "text/html; charset=utf-8"}},
		{name: "br by HEAD", method: "HEAD", path: bundle, request: headers{"Accept-Encoding": "br"}, status: 200, header: headers{"Content-Encoding": "br", "Content-Length": "9"}},
		{name: "br refused", path: bundle, request: headers{"Accept-Encoding": "gzip, br;q=0"}, status: 200, body: plain, header: headers{"Content-Encoding": "", "Vary": "Accept-Encoding"}},
		{name: "br not known", path: bundle, request: headers{"Accept-Encoding": "gzip, brotli"}, status: 200, body: plain, header: headers{"Content-Encoding": ""}},
		{name: "no br of a range", path: bundle, request: headers{"Accept-Encoding": "br", "Range": "bytes=0-4"}, status: 206, body: "plain", header: headers{"Content-Encoding": "", "ETag": quoted(plain)}},
		{name: "br is not a path", path: bundle + ".br", status: 404, body: "not found\n", header: headers{"Cache-Control": noStore}},
		{name: "an orphaned br", path: "/orphan.txt.br", status: 404, body: "not found\n"},
		{name: "the file an orphaned br was of", path: "/orphan.txt", status: 404, body: "not found\n"},

		{name: "HEAD", method: "HEAD", path: bundle, status: 200, header: headers{"Content-Length": length, "Content-Type": jsType}},
		{name: "POST", method: "POST", path: "/", status: 405, body: "only GET and HEAD\n", header: headers{"Allow": "GET, HEAD"}},
		{name: "PUT of nothing there", method: "PUT", path: "/x", status: 405, body: "*"},
		{name: "OPTIONS", method: "OPTIONS", path: "/", status: 405, body: "*", header: headers{"Access-Control-Allow-Origin": ""}},
	} {
		t.Run(e.name, func(t *testing.T) { e.check(t, handler) })
	}
}

func TestPathsThatDoNotExist(t *testing.T) {
	handler, _ := newTestHandler(t, true)
	for _, path := range []string{
		"", "//", "/.", "/..", "/../server/main.go", "/models/tiny/../../index.html", "/models/tiny/..", "/models/tiny/", "/models/tiny", "/models/", "/models",
		"/./index.html", "//index.html", "/index.html/", "/index.html\x00", "/\x00", `/..\index.html`, "/INDEX.HTML", "/.gitkeep", "/models/pocket/model.json",
		"/models/tiny/sha256-" + strings.Repeat("0", 64) + ".bin", "/etc/passwd", "/types/", "/types",
	} {
		t.Run(strconv.Quote(path), func(t *testing.T) {
			exchange{path: path, status: 404, body: "not found\n", header: headers{"Cache-Control": noStore}}.check(t, handler)
		})
	}
}

func TestRanges(t *testing.T) {
	handler, _ := newTestHandler(t, true)
	plain := page[bundle[1:]]
	size := strconv.Itoa(len(plain))
	for _, c := range []struct {
		name, value, ifRange string
		status               int
		body, contentRange   string
	}{
		{"a part", "bytes=6-11", "", 206, plain[6:12], "bytes 6-11/" + size},
		{"to the end", "bytes=14-", "", 206, plain[14:], "bytes 14-23/" + size},
		{"a suffix", "bytes=-10", "", 206, plain[14:], "bytes 14-23/" + size},
		{"a suffix longer than the file", "bytes=-1000", "", 206, plain, "bytes 0-23/" + size},
		{"an end past the file's", "bytes=20-1000", "", 206, plain[20:], "bytes 20-23/" + size},
		{"a start past the end", "bytes=24-", "", 416, "*", "bytes */" + size},
		{"a start past all numbers", "bytes=99999999999999999999-", "", 416, "*", ""},
		{"backwards", "bytes=5-2", "", 416, "*", ""},
		{"an empty suffix is ignored", "bytes=-0", "", 200, plain, ""},
		{"several are ignored", "bytes=0-1,3-4", "", 200, plain, ""},
		{"very many are ignored", "bytes=" + strings.Repeat("0-0,", 1000) + "0-0", "", 200, plain, ""},
		{"another unit is ignored", "items=0-5", "", 200, plain, ""},
		{"garbage is ignored", "bytes=x-", "", 200, plain, ""},
		{"the same file", "bytes=14-", quoted(plain), 206, plain[14:], "bytes 14-23/" + size},
		{"another file", "bytes=14-", quoted("another"), 200, plain, ""},
		{"a weak tag proves nothing", "bytes=14-", "W/" + quoted(plain), 200, plain, ""},
		{"the compressed file", "bytes=4-", quoted("br bundle"), 200, plain, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := exchange{path: bundle, status: c.status, body: c.body, request: headers{"Range": c.value}, header: headers{"Content-Range": c.contentRange}}
			if c.contentRange == "" && c.status == 416 {
				e.header = nil
			}
			if c.ifRange != "" {
				e.request["If-Range"] = c.ifRange
			}
			e.check(t, handler)
		})
	}
}

func TestHosts(t *testing.T) {
	local, _ := newTestHandler(t, true)
	public, _ := newTestHandler(t, false)
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LocalHost:8080": true, "tabseek.localhost:8080": true, "127.0.0.1:8080": true, "127.0.0.2": true, "[::1]:8080": true, "[::1]": true,
		"evil.com": false, "evil.com:8080": false, "localhost.evil.com": false, "127.0.0.1.evil.com": false, "evillocalhost": false, "192.168.1.7:8080": false, "0.0.0.0:8080": false, "": false,
	} {
		t.Run(host, func(t *testing.T) {
			want := exchange{path: "/", status: 200, body: "*", request: headers{"Host": host}}
			want.check(t, public)
			if !ok {
				want.status, want.body = 403, "this server answers only to localhost\n"
			}
			want.check(t, local)
		})
	}
	t.Run("every path and method", func(t *testing.T) {
		for _, path := range []string{"/healthz", "/models/index.json", "/nothing"} {
			exchange{path: path, status: 403, body: "*", request: headers{"Host": "evil.com"}}.check(t, local)
		}
		exchange{method: "POST", path: "/", status: 403, body: "*", request: headers{"Host": "evil.com"}}.check(t, local)
	})
}

func TestModelFiles(t *testing.T) {
	handler, model := newTestHandler(t, true)
	shard := model.Shards[0]
	data, err := os.ReadFile(model.Dir + "/" + shard.File)
	require.NoError(t, err)
	manifest, err := os.ReadFile(model.Dir + "/model.json")
	require.NoError(t, err)
	tag := `"` + shard.SHA256 + `"`
	for _, e := range []exchange{
		{name: "shard", path: "/models/tiny/" + shard.File, status: 200, body: string(data),
			header: headers{"ETag": tag, "Cache-Control": forever, "Content-Type": "application/octet-stream", "Content-Length": strconv.Itoa(len(data)), "Accept-Ranges": "bytes"}},
		{name: "the rest of a shard", path: "/models/tiny/" + shard.File, request: headers{"Range": "bytes=1000-", "If-Range": tag, "Accept-Encoding": "br"}, status: 206, body: string(data[1000:]),
			header: headers{"ETag": tag, "Cache-Control": forever, "Content-Encoding": ""}},
		{name: "manifest", path: "/models/tiny/model.json", status: 200, body: string(manifest), header: headers{"Cache-Control": noCache, "Content-Type": "application/json", "ETag": quoted(string(manifest))}},
		{name: "manifest again", path: "/models/tiny/model.json", request: headers{"If-None-Match": quoted(string(manifest))}, status: 304},
		{name: "tokenizer", path: "/models/tiny/tokenizer.bin", status: 200, body: "*", header: headers{"Cache-Control": noCache, "ETag": `"` + model.Tokenizer.SHA256 + `"`}},
		{name: "list", path: "/models/index.json", status: 200, body: "*", header: headers{"Cache-Control": noCache, "Content-Type": "application/json"}},
		{name: "list by HEAD", method: "HEAD", path: "/models/index.json", status: 200},
	} {
		t.Run(e.name, func(t *testing.T) { e.check(t, handler) })
	}

	t.Run("a shard that was cut short", func(t *testing.T) {
		require.NoError(t, os.Truncate(model.Dir+"/"+shard.File, 1000))
		exchange{path: "/models/tiny/" + shard.File, status: 500, body: "damaged on the server\n", header: headers{"ETag": "", "Cache-Control": noStore}}.check(t, handler)
	})
	t.Run("a shard that is gone", func(t *testing.T) {
		require.NoError(t, os.Remove(model.Dir+"/"+shard.File))
		exchange{path: "/models/tiny/" + shard.File, status: 404, body: "not found\n", header: headers{"Cache-Control": noStore}}.check(t, handler)
	})
}

func TestModelList(t *testing.T) {
	dir := t.TempDir() + "/a model, 50%"
	o := command("", "pack", checkpointWith(t, nil), dir)
	require.Zero(t, o.Status, o.Stderr)
	model, err := weights.OpenModel(dir)
	require.NoError(t, err)
	handler, err := newHandler(fstest.MapFS{}, hosted{models: []*weights.Model{model}, profile: "f32 lanes=8 rows=4"}, slog.New(slog.DiscardHandler), true)
	require.NoError(t, err)

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/models/index.json", nil))
	var list struct{ Models []listing }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	require.Len(t, list.Models, 1)
	got := list.Models[0]
	require.Equal(t, "a model, 50%", got.Name)
	require.Equal(t, model.Bytes(), got.Size)
	require.Equal(t, 256, got.Context)
	require.Equal(t, "deepseek-v3", got.Chat)
	require.Equal(t, "f32 lanes=8 rows=4", got.Profile)
	require.Greater(t, got.ParamsTotal, got.ParamsActive)
	require.Positive(t, got.ParamsActive)
	require.Equal(t, []any{"deepseek_v3", "MLA"}, []any{got.Family, got.Attention})
	require.GreaterOrEqual(t, got.Size, got.WeightBytes)
	require.Greater(t, got.WeightBytes, got.BytesPerToken)
	require.LessOrEqual(t, got.LargestBuffer, got.WeightBytes)
	require.Equal(t, 4*2*(32+8), got.KVBytesPerToken)

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+got.URL+"/model.json", nil))
	require.Equal(t, 200, w.Code, "the list's address of the model")
}

func TestIsHashed(t *testing.T) {
	for name, want := range map[string]bool{
		"main-GVDSWJIW.js": true, "chunk-ABCDEF27.css": true, "a/b/main-GVDSWJIW.js": true, "main-GVDSWJIW.js.map": true,
		"main.js": false, "main-gvdswjiw.js": false, "main-12345678.js": false, "icon-00000512.png": false, "main-GVDSWJI.js": false,
		"main-GVDSWJIWX.js": false, "-GVDSWJIW.js": false, "GVDSWJIW.js": false, "main-GVDSWJIW": false, "sw-gvdSWJIW.js": false,
	} {
		require.Equal(t, want, isHashed(name), name)
	}
}

func TestAccepts(t *testing.T) {
	for header, want := range map[string]bool{
		"br": true, "gzip, br": true, "gzip;q=0.1 , BR ; q=1.0": true, "br;q=0.001": true,
		"": false, "gzip": false, "br;q=0": false, "br;q=0.0": false, "brr": false, "br;q=x": false, "identity": false,
	} {
		require.Equal(t, want, accepts(header, "br"), header)
	}
}

// Whatever a Range header says, the answer is the file, a part of it, or that there is no such part.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=0-0,1-1", "bytes=18446744073709551615-", "items=1-2", "bytes=+1-", "bytes= 1-2", "", "\x00"} {
		f.Add(seed)
	}
	const content = "0123456789"
	handler, err := newHandler(fstest.MapFS{"a.txt": {Data: []byte(content)}}, hosted{}, slog.New(slog.DiscardHandler), true)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "http://localhost/a.txt", nil)
		r.Header.Set("Range", value)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK:
			require.Equal(t, content, w.Body.String())
		case http.StatusPartialContent:
			var first, last int
			_, err := fmt.Sscanf(w.Header().Get("Content-Range"), "bytes %d-%d/10", &first, &last)
			require.NoError(t, err)
			require.Equal(t, content[first:last+1], w.Body.String())
		default:
			require.Equal(t, http.StatusRequestedRangeNotSatisfiable, w.Code)
		}
	})
}

// Static hosts are told to send what the server sends.
func TestHostingGuide(t *testing.T) {
	guide, err := os.ReadFile("../docs/hosting.md")
	require.NoError(t, err)
	header := http.Header{}
	setSecurityHeaders(header)
	for name := range header {
		require.Contains(t, string(guide), name+": "+header.Get(name)+"\n")
	}
}
