package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/weights"
)

// A badHub is a hub on loopback with one model, lab/tiny, whose files come from a second server.
type badHub struct {
	t          *testing.T
	files      map[string][]byte
	token      string // that is asked for
	throttle   int    // every so manieth request is answered with 429
	cut        int    // bytes after which a connection breaks
	expire     int    // requests after which a signed address is refused
	noSizes    bool   // the listing leaves sizes out
	tree       bool   // there is the listing in pages alone, and no commit
	change     func(name string, w http.ResponseWriter, r *http.Request) bool
	hub, store *httptest.Server

	mu       sync.Mutex
	requests int
	signed   map[string]int // uses of each address
	served   map[string]int // bytes of each file
	resolved int
	onServed func(total int)
}

const badCommit = "0123456789abcdef0123456789abcdef01234567"

func newBadHub(t *testing.T, files map[string][]byte) *badHub {
	h := &badHub{t: t, files: files, signed: map[string]int{}, served: map[string]int{}}
	h.hub, h.store = httptest.NewServer(http.HandlerFunc(h.serveHub)), httptest.NewServer(http.HandlerFunc(h.serveStore))
	t.Cleanup(h.hub.Close)
	t.Cleanup(h.store.Close)
	return h
}

// filesOf reads a checkpoint's folder.
func filesOf(t *testing.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
	}
	return files
}

func (h *badHub) serveHub(w http.ResponseWriter, r *http.Request) {
	if h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/api/models/lab/tiny/revision/main" && !h.tree {
		var siblings []map[string]any
		for name, data := range h.files {
			sum := sha256.Sum256(data)
			s := map[string]any{"rfilename": name, "size": len(data), "lfs": map[string]any{"sha256": hex.EncodeToString(sum[:]), "size": len(data)}}
			if h.noSizes {
				s = map[string]any{"rfilename": name}
			}
			siblings = append(siblings, s)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"sha": badCommit, "siblings": siblings, "cardData": map[string]any{"license": "mit"}})
		return
	}
	if h.tree && r.URL.Path == "/api/models/lab/tiny/tree/main" {
		page := []map[string]any{{"type": "directory", "path": "x"}}
		for name, data := range h.files {
			if (name == "config.json") == (r.URL.Query().Get("cursor") != "") {
				page = append(page, map[string]any{"type": "file", "path": name, "size": len(data)})
			}
		}
		if r.URL.Query().Get("cursor") == "" {
			w.Header().Set("Link", "<"+h.hub.URL+r.URL.Path+`?cursor=2>; rel="next"`)
		}
		_ = json.NewEncoder(w).Encode(page)
		return
	}
	revision := badCommit
	if h.tree || h.noSizes { // a mirror that knows no commits
		revision = "main"
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/lab/tiny/resolve/"+revision+"/")
	if _, there := h.files[name]; !ok || !there {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h.mu.Lock()
	h.resolved++
	signature := fmt.Sprint(h.resolved)
	h.mu.Unlock()
	w.Header().Set("X-Linked-Etag", `"of-`+name+`"`)
	http.Redirect(w, r, h.store.URL+"/"+name+"?signature="+signature, http.StatusFound)
}

func (h *badHub) serveStore(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	h.mu.Lock()
	h.requests++
	count := h.requests
	h.signed[r.URL.RawQuery]++
	uses := h.signed[r.URL.RawQuery]
	h.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "":
		h.t.Error("the token was sent to another host")
	case h.throttle > 0 && count%h.throttle == 0:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case h.expire > 0 && uses > h.expire:
		w.WriteHeader(http.StatusForbidden)
		return
	case h.change != nil && h.change(name, w, r):
		return
	}
	if h.cut > 0 {
		w = &cutWriter{w, h.cut}
	}
	http.ServeContent(&countWriter{w, h, name}, r, name, time.Time{}, bytes.NewReader(h.files[name]))
}

// instead has the store answer with a text in place of a file, with status 200 and without a length.
func (h *badHub) instead(file, kind, text string) {
	h.change = func(name string, w http.ResponseWriter, _ *http.Request) bool {
		if name != file {
			return false
		}
		w.Header().Set("Content-Type", kind)
		w.(http.Flusher).Flush()
		_, _ = w.Write([]byte(text))
		return true
	}
}

// countWriter counts what is served of a file.
type countWriter struct {
	http.ResponseWriter
	h    *badHub
	name string
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.served[c.name] += n
	total := 0
	for _, n := range c.h.served {
		total += n
	}
	if c.h.onServed != nil {
		c.h.onServed(total)
	}
	return n, err
}

// cutWriter breaks the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		conn, _, _ := c.ResponseWriter.(http.Hijacker).Hijack()
		if conn != nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
		return n, net.ErrClosed
	}
	return n, err
}

// pullFrom pulls lab/tiny into a folder of its own.
func pullFrom(t *testing.T, ctx context.Context, h *badHub, dst string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(ctx, append([]string{"pull", "lab/tiny", dst, "--hub", h.hub.URL}, args...), strings.NewReader(""), &stdout, &stderr)
	return outcome{Status: status, Stdout: stdout.String(), Stderr: stderr.String()}
}

// A hub that redirects, throttles, cuts connections and lets addresses expire: the model is the one that pack makes.
func TestPull(t *testing.T) {
	src := checkpointWith(t, nil)
	want := packed(t, src)
	for name, spoil := range map[string]func(*badHub){
		"a good hub":   func(h *badHub) {},
		"throttled":    func(h *badHub) { h.throttle = 4 },
		"cut":          func(h *badHub) { h.cut = 30000 },
		"expiring":     func(h *badHub) { h.expire, h.cut = 1, 40000 },
		"gated":        func(h *badHub) { h.token = "secret" },
		"no sizes":     func(h *badHub) { h.noSizes = true },
		"in pages":     func(h *badHub) { h.tree = true },
		"all together": func(h *badHub) { h.throttle, h.cut, h.expire, h.token = 7, 30000, 2, "secret" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HF_TOKEN", "secret")
			h := newBadHub(t, filesOf(t, src))
			spoil(h)
			dst := filepath.Join(t.TempDir(), "tiny")
			o := pullFrom(t, t.Context(), h, dst)
			require.Zero(t, o.Status, o.Stderr)
			require.Regexp(t, `^\S+/tiny: \d+ tensors, 1 shards, \S+ kB\n$`, o.Stdout)
			revision, license := badCommit, "mit"
			if h.tree || h.noSizes {
				revision = "main"
			}
			if h.tree {
				license = ""
			}
			require.Contains(t, o.Stderr, fmt.Sprintf("lab/tiny@%.12s: 1 files of weights", revision))
			m, err := weights.OpenModel(dst)
			require.NoError(t, err)
			require.Equal(t, want.Shards, m.Shards)
			require.Equal(t, want.Tensors, m.Tensors)
			require.Equal(t, license, m.Source.License)
			require.Equal(t, h.hub.URL+"/lab/tiny@"+revision, m.Source.Origin)
			require.Equal(t, want.Special, m.Special)
			require.Zero(t, command("", "verify", dst).Status)
			list, err := os.ReadDir(filepath.Dir(dst))
			require.NoError(t, err)
			require.Len(t, list, 1, "nothing but the model")
			requireFailure(t, pullFrom(t, t.Context(), h, dst), 1, "pull", "is there already")
		})
	}
}

// Broken off and started again, it goes on where it was.
func TestPullGoesOn(t *testing.T) {
	src := checkpointWith(t, nil)
	want := packed(t, src)
	h := newBadHub(t, filesOf(t, src))
	size := len(h.files["model.safetensors"])
	dst := filepath.Join(t.TempDir(), "tiny")
	ctx, cancel := context.WithCancel(t.Context())
	h.cut = 20000 // so that what is on its way when it ends is little
	h.onServed = func(total int) {
		if h.served["model.safetensors"] > size/2+firstBlock {
			cancel()
		}
	}
	o := pullFrom(t, ctx, h, dst)
	require.Equal(t, 1, o.Status)
	require.Contains(t, o.Stderr, "the same command goes on where this one stopped")
	require.NoDirExists(t, dst)
	h.mu.Lock()
	h.onServed = nil
	before := h.served["model.safetensors"]
	h.mu.Unlock()
	require.Greater(t, before, size/2)
	o = pullFrom(t, t.Context(), h, dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Contains(t, o.Stderr, "going on after")
	largest := 0
	c := tinyCheckpoint(t, nil)
	for _, tensor := range c.Tensors {
		largest = max(largest, len(tensor.Data))
	}
	// The header is read again, and the tensor that was on its way, and what was cut off.
	h.mu.Lock()
	served := h.served["model.safetensors"]
	h.mu.Unlock()
	require.LessOrEqual(t, served, size+2*firstBlock+largest+4*h.cut, "of %d, %d came before", size, before)
	m, err := weights.OpenModel(dst)
	require.NoError(t, err)
	require.Equal(t, want.Shards, m.Shards)
}

// Of a file that came whole nothing is asked for again, however the pull ended.
func TestPullFetchesNoFinishedFileTwice(t *testing.T) {
	src := filepath.Join(t.TempDir(), "tiny")
	require.NoError(t, tinyCheckpoint(t, nil).Write(src, 3))
	want := packed(t, src)
	h := newBadHub(t, filesOf(t, src))
	h.cut = 20000
	first, last := "model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"
	ctx, cancel := context.WithCancel(t.Context())
	h.onServed = func(int) {
		if h.served[last] > firstBlock+30000 { // more than its header, so the others are done
			cancel()
		}
	}
	dst := filepath.Join(t.TempDir(), "tiny")
	require.Equal(t, 1, pullFrom(t, ctx, h, dst).Status)
	h.mu.Lock()
	h.onServed = nil
	before := h.served[first]
	h.mu.Unlock()
	o := pullFrom(t, t.Context(), h, dst)
	require.Zero(t, o.Status, o.Stderr)
	require.Equal(t, before, h.served[first])
	require.LessOrEqual(t, h.served[first], len(h.files[first])+4*h.cut, "what was cut off comes again, and no more")
	m, err := weights.OpenModel(dst)
	require.NoError(t, err)
	require.Equal(t, want.Shards, m.Shards)
}

// What a hub does wrong for good is said in one line, and nothing is left.
func TestPullRefuses(t *testing.T) {
	src := checkpointWith(t, nil)
	const weightsFile = "model.safetensors"
	for _, c := range []struct {
		name  string
		spoil func(*badHub)
		want  []string
	}{
		{"no token", func(h *badHub) { h.token = "other" }, []string{"lab/tiny: ", "401", "HF_TOKEN"}},
		{"a web page for weights", func(h *badHub) {
			h.change = func(name string, w http.ResponseWriter, r *http.Request) bool {
				if name != weightsFile {
					return false
				}
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = w.Write([]byte("<!doctype html>log in"))
				return true
			}
		}, []string{weightsFile, "a web page"}},
		{"an error in JSON for weights", func(h *badHub) { h.instead(weightsFile, "application/json", `{"error":"busy"}`) }, []string{weightsFile, "answers with JSON", "busy"}},
		{"an error of no length for weights", func(h *badHub) { h.instead(weightsFile, "", `{"error":"busy"}`) }, []string{weightsFile, "ends after 16 bytes", "something else"}},
		{"an error of no length for a config", func(h *badHub) { h.instead("config.json", "application/json", `{"error":"busy"}`) }, []string{"config.json", "ends after 16 bytes"}},
		{"another size", func(h *badHub) {
			h.change = func(name string, w http.ResponseWriter, r *http.Request) bool {
				if name == weightsFile {
					http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(h.files[name][:5000]))
				}
				return name == weightsFile
			}
		}, []string{weightsFile, "5000 bytes now"}},
		{"other content", func(h *badHub) {
			h.change = func(name string, w http.ResponseWriter, r *http.Request) bool {
				if name == weightsFile {
					data := bytes.Clone(h.files[name])
					data[len(data)-3] ^= 1
					http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
				}
				return name == weightsFile
			}
		}, []string{weightsFile, "its SHA-256 is"}},
		{"another version in between", func(h *badHub) {
			h.cut = 40000
			h.change = func(name string, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint("v", h.requests)))
				return false
			}
		}, []string{"it has changed while it was fetched (ETag"}},
		{"not there", func(h *badHub) { delete(h.files, "config.json") }, []string{"config.json"}},
		{"a name that leads elsewhere", func(h *badHub) { h.files["../../x.safetensors"] = []byte("x") }, []string{"../../x.safetensors", "no name in a repository"}},
		{"no weights", func(h *badHub) { delete(h.files, weightsFile) }, []string{"neither safetensors nor GGUF"}},
		{"weights that are not there", func(h *badHub) {
			h.files["model.safetensors.index.json"] = []byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors"}}`)
		}, []string{"has no model-00001-of-00002.safetensors"}},
		{"an index that leads elsewhere", func(h *badHub) {
			h.files["model.safetensors.index.json"] = []byte(`{"weight_map":{"a":"../x.safetensors"}}`)
		}, []string{"../x.safetensors"}},
		{"Git LFS", func(h *badHub) { h.files["tokenizer.json"] = []byte(lfsPointer) }, []string{"tokenizer.json", "Git LFS pointer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newBadHub(t, filesOf(t, src))
			c.spoil(h)
			parent, start := t.TempDir(), time.Now()
			o := pullFrom(t, t.Context(), h, filepath.Join(parent, "tiny"))
			require.Equal(t, 1, o.Status)
			require.Less(t, time.Since(start), 5*time.Second, "told at once")
			lines := strings.Split(strings.TrimSpace(o.Stderr), "\n")
			last := lines[len(lines)-1]
			require.True(t, strings.HasPrefix(last, "tabseek pull: "), last)
			for _, want := range c.want {
				require.Contains(t, last, want)
			}
			requireEmpty(t, parent)
		})
	}
	h := newBadHub(t, filesOf(t, src))
	o := command("", "pull", "lab/other", filepath.Join(t.TempDir(), "x"), "--hub", h.hub.URL)
	requireFailure(t, o, 1, "pull", "lab/other: not there at revision main (404)")
}

// A GGUF file is chosen by the quantisation in its name.
func TestPullGGUF(t *testing.T) {
	want := packed(t, checkpointWith(t, nil))
	whole := filepath.Join(t.TempDir(), "x.gguf")
	require.NoError(t, tinyCheckpoint(t, nil).WriteGGUF(whole, enginetest.GGUF{HeadsApart: true}))
	data, err := os.ReadFile(whole)
	require.NoError(t, err)
	files := map[string][]byte{"tiny-BF16.gguf": data, "tiny-Q4_K_M.gguf": []byte("GGUF"), "tiny-Q4_K_S.gguf": []byte("GGUF"), "README.md": []byte("hello")}
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	h := newBadHub(t, files)
	o := command("", "pull", "lab/tiny:bf16", "--hub", h.hub.URL)
	require.Zero(t, o.Status, o.Stderr)
	dst := filepath.Join(os.Getenv("XDG_DATA_HOME"), "tabseek", "models", "tiny-bf16")
	m, err := weights.OpenModel(dst)
	require.NoError(t, err)
	require.Equal(t, want.Shards, m.Shards)
	for quant, want := range map[string]string{
		"":      "has several GGUF files: choose one with lab/tiny:QUANT, one of BF16, Q4_K_M, Q4_K_S",
		":Q8_0": "no GGUF file is called Q8_0; there are BF16, Q4_K_M, Q4_K_S", ":Q4_K": "no GGUF file is called Q4_K;",
		":Q4_K_M": "tiny-Q4_K_M.gguf",
	} {
		requireFailure(t, command("", "pull", "lab/tiny"+quant, filepath.Join(t.TempDir(), "x"), "--hub", h.hub.URL), 1, "pull", want)
	}
	// An old file holds keys and values in one, and its blocks cannot be turned around: that is said, as pack says it.
	old, err := os.ReadFile(writeGGUF(t, enginetest.GGUF{Type: func(string) weights.DType { return "Q8_0" }}))
	require.NoError(t, err)
	o = pullFrom(t, t.Context(), newBadHub(t, map[string][]byte{"old-Q8_0.gguf": old}), filepath.Join(t.TempDir(), "old"))
	require.Zero(t, o.Status, o.Stderr)
	require.Regexp(t, `(?m)^tabseek pull: lab/tiny: rounded to f16, .* layers.0.k_b and others like it, 3 in all$`, o.Stderr)

	o = command("", "models")
	require.Zero(t, o.Status, o.Stderr)
	require.Regexp(t, `(?m)^tiny-bf16 +\S+ kB +\d+ +keep +deepseek-v3 +mit +/`, o.Stdout)
	require.Contains(t, command("", "inspect", dst).Stdout, "license: mit")
}
