package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"tabseek/engine/weights"
)

// A resource is what a path yields; the set is fixed when the server starts.
type resource struct {
	body
	brotli    *body // the same, compressed; nil if it is not
	immutable bool  // named by its content
}

// A body is bytes with a known hash, which is their ETag: two encodings of a file have two.
type body struct {
	open   func() (io.ReadSeekCloser, error)
	size   int64
	sha256 string // hex
}

// inMemory is a body that is kept.
func inMemory(data []byte) body {
	sum := sha256.Sum256(data)
	open := func() (io.ReadSeekCloser, error) { return memory{bytes.NewReader(data)}, nil }
	return body{open, int64(len(data)), hex.EncodeToString(sum[:])}
}

// memory is a file that there is nothing to close of.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// ofModel is a file of a model, opened for each request. Its size is checked then, because a browser would keep a
// shard that was cut short for as long as a good one.
func ofModel(m *weights.Model, name string, size int64, sum string) body {
	open := func() (io.ReadSeekCloser, error) {
		f, err := m.Open(name)
		if err != nil {
			return nil, err
		}
		content, ok := f.(io.ReadSeekCloser)
		info, err := f.Stat()
		if err == nil && (!ok || !info.Mode().IsRegular() || info.Size() != size) {
			err = fmt.Errorf("%s: %d bytes, want a file of %d", name, info.Size(), size)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return content, nil
	}
	return body{open, size, sum}
}

// addPage lists the page's files. NAME.br is another form of NAME and has no path of its own.
func (h *handler) addPage(page fs.FS) error {
	compressed := map[string]body{}
	err := fs.WalkDir(page, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "models", name == "package": // listed by addModels; npm's
			return fs.SkipDir
		case entry.IsDir() || strings.HasPrefix(path.Base(name), "."):
			return nil
		}
		data, err := fs.ReadFile(page, name)
		if err != nil {
			return err
		}
		if plain, ok := strings.CutSuffix(name, ".br"); ok {
			compressed["/"+plain] = inMemory(data)
			return nil
		}
		h.resources["/"+name] = resource{body: inMemory(data), immutable: isHashed(name)}
		return nil
	})
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	for name, b := range compressed {
		if r, ok := h.resources[name]; ok {
			r.brotli = &b
			h.resources[name] = r
		}
	}
	for address, name := range pages {
		if page, ok := h.resources[name]; ok {
			h.resources[address] = page
		}
	}
	return nil
}

// pages are files that have an address without their ending.
var pages = map[string]string{"/": "/index.html", "/bench": "/bench.html"}

// hashedName is how esbuild names a bundle by its content: [name]-[hash], the hash in base32.
var hashedName = regexp.MustCompile(`.-[A-Z2-7]{8}(\.[a-z]+)+$`)

func isHashed(name string) bool { return hashedName.MatchString(path.Base(name)) }

// listing is an entry of /models/index.json: what somebody may want to know before the first byte of a model.
type listing struct {
	Name            string `json:"name"`
	URL             string `json:"url"`
	Size            int64  `json:"size"`   // bytes of all files
	Family          string `json:"family"` // its model type
	Attention       string `json:"attention"`
	License         string `json:"license,omitempty"`
	ParamsTotal     int64  `json:"params_total"`
	ParamsActive    int64  `json:"params_active"`
	Context         int    `json:"context"` // at most
	Chat            string `json:"chat"`
	WeightBytes     int64  `json:"weight_bytes"`
	BytesPerToken   int64  `json:"bytes_per_token"` // of weights, read for a token
	KVBytesPerToken int    `json:"kv_bytes_per_token"`
	Layers          int    `json:"layers"`            // that have a cache
	LargestBuffer   int64  `json:"largest_buffer"`    // bytes that a device must be able to bind at once
	Profile         string `json:"profile,omitempty"` // that the page is to load it with
	SHA256          string `json:"sha256"`            // of model.json: by it, a page knows whether what it keeps of the model is still good
}

// remoteListing is an entry of it for a model elsewhere. What lies behind the name is the server's affair.
type remoteListing struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// addModels lists the models' files, and all models that the page can choose.
func (h *handler) addModels(has hosted) error {
	list, remotes := []listing{}, []remoteListing{}
	for _, u := range has.elsewhere.upstreams {
		remotes = append(remotes, remoteListing{u.Name, u.Path()})
	}
	for _, m := range has.models {
		base := "/models/" + modelName(m)
		// The manifest says which shards there are, so it is kept as it was when they were listed.
		manifest, err := readManifest(m)
		if err != nil {
			return err
		}
		description := inMemory(manifest)
		h.resources[base+"/"+weights.ManifestFile] = resource{body: description}
		t := m.Tokenizer
		h.resources[base+"/"+t.File] = resource{body: ofModel(m, t.File, t.Size, t.SHA256)}
		for _, s := range m.Shards {
			h.resources[base+"/"+s.File] = resource{body: ofModel(m, s.File, s.Size, s.SHA256), immutable: true}
		}
		i, err := inspectModel(m)
		if err != nil {
			return err
		}
		list = append(list, listing{
			Name: modelName(m), URL: (&url.URL{Path: base}).EscapedPath(), Size: m.Bytes(), Family: i.ModelType, Attention: i.Attention, License: i.License,
			ParamsTotal: i.ParamsTotal, ParamsActive: i.ParamsActive, Context: i.Context, Chat: m.Chat, WeightBytes: i.WeightBytes, BytesPerToken: i.BytesPerToken,
			KVBytesPerToken: i.KVBytesPerToken, Layers: i.Layers, LargestBuffer: i.LargestBuffer, Profile: has.profile, SHA256: description.sha256,
		})
	}
	index, err := json.Marshal(map[string]any{"models": list, "remotes": remotes})
	if err != nil {
		return err
	}
	h.resources["/models/index.json"] = resource{body: inMemory(index)}
	return nil
}

func readManifest(m *weights.Model) ([]byte, error) {
	f, err := m.Open(weights.ManifestFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// modelName is what a model is called in addresses: its folder's own name, however the folder was given.
func modelName(m *weights.Model) string {
	if dir, err := filepath.Abs(m.Dir); err == nil {
		return filepath.Base(dir)
	}
	return filepath.Base(m.Dir)
}
