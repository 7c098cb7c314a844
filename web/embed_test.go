package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/web"
)

// built skips a test of what make build puts into web/dist, where it has not run.
func built(t *testing.T, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(web.Files(), name)
	need.Have(t, need.Page, err)
	return data
}

func TestFiles(t *testing.T) {
	built(t, "index.html")
	for _, name := range []string{"tabseek.js", "sw.js", "tabseek.d.ts"} {
		data, err := fs.ReadFile(web.Files(), name)
		require.NoError(t, err)
		require.NotEmpty(t, data, name)
	}
	declarations := string(built(t, "tabseek.d.ts"))
	for _, m := range regexp.MustCompile(`from '\./(.+?)'`).FindAllStringSubmatch(declarations, -1) {
		_, err := fs.Stat(web.Files(), strings.TrimSuffix(m[1], ".js")+".d.ts")
		require.NoError(t, err, "tabseek.d.ts leads to %s", m[1])
	}
}

// The index names files that are there, and nothing that the content security policy would refuse.
func TestIndex(t *testing.T) {
	index := string(built(t, "index.html"))
	links := regexp.MustCompile(`(?:src|href)="(.*?)"`).FindAllStringSubmatch(index, -1)
	require.GreaterOrEqual(t, len(links), 5)
	for _, m := range links {
		name, ok := strings.CutPrefix(m[1], "/")
		require.True(t, ok && !strings.HasPrefix(name, "/"), "%s is not of this origin", m[1])
		_, err := fs.Stat(web.Files(), name)
		require.NoError(t, err)
	}
	require.NotContains(t, index, "{{")
	require.Regexp(t, `<script type="module" src="/main-[A-Z2-7]{8}\.js">`, index)
	require.NotRegexp(t, `<script>|<style|\sstyle=|\son[a-z]+=|javascript:`, index)
}

// named says what each file is called by those that load it.
var named = regexp.MustCompile(`^(.+-[A-Z2-7]{8}\.[a-z]+|(index|bench)\.html|tabseek\.js|sw\.js|.+\.d\.ts|\.gitkeep)(\.br)?$`)

// The service worker keeps the whole page, and two builds share no name: but for four files, names tell contents apart.
func TestShell(t *testing.T) {
	worker := string(built(t, "sw.js"))
	entries, err := fs.ReadDir(web.Files(), ".")
	require.NoError(t, err)
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			continue
		}
		require.Regexp(t, named, name)
		switch {
		case name == "index.html":
			name = ""
		case name == "sw.js", strings.HasSuffix(name, ".br"), strings.HasSuffix(name, ".ts"), strings.HasPrefix(name, "."):
			continue
		}
		sum := sha256.Sum256(built(t, e.Name()))
		require.Contains(t, worker, fmt.Sprintf("%q:%q", "/"+name, hex.EncodeToString(sum[:])))
	}
}

func TestManifest(t *testing.T) {
	built(t, "index.html")
	found, err := fs.Glob(web.Files(), "manifest-*.webmanifest")
	require.NoError(t, err)
	require.Len(t, found, 1)
	var manifest struct {
		Icons, Screenshots []struct{ Src, Sizes, Type string }
	}
	require.NoError(t, json.Unmarshal(built(t, found[0]), &manifest))
	require.NotEmpty(t, manifest.Icons)
	for _, picture := range append(manifest.Icons, manifest.Screenshots...) {
		data := built(t, strings.TrimPrefix(picture.Src, "/"))
		if picture.Type != "image/png" {
			continue
		}
		config, err := png.DecodeConfig(bytes.NewReader(data))
		require.NoError(t, err, picture.Src)
		require.Equal(t, picture.Sizes, fmt.Sprintf("%dx%d", config.Width, config.Height), picture.Src)
	}
}

func TestStylesLoadNothingFromElsewhere(t *testing.T) {
	styles, err := fs.Glob(web.Files(), "*.css")
	require.NoError(t, err)
	built(t, "index.html")
	require.NotEmpty(t, styles)
	for _, name := range styles {
		require.NotRegexp(t, `url\(["']?(https?:)?//|@import`, string(built(t, name)), name)
	}
}

// A compressed twin is served in place of its file, so it must hold the same.
func TestCompressedTwins(t *testing.T) {
	twins, err := fs.Glob(web.Files(), "*.br")
	require.NoError(t, err)
	built(t, "index.html")
	require.NotEmpty(t, twins)
	for _, name := range twins {
		got, err := io.ReadAll(brotli.NewReader(bytes.NewReader(built(t, name))))
		require.NoError(t, err, name)
		want, err := fs.ReadFile(web.Files(), strings.TrimSuffix(name, ".br"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s is of another build", name)
	}
}

func TestGuest(t *testing.T) {
	wasm, err := web.Engine()
	need.Have(t, need.Page, err)
	require.True(t, bytes.HasPrefix(wasm, []byte("\x00asm\x01\x00\x00\x00")))
	for _, export := range []string{"_initialize", "tabseek_input", "tabseek_handle", "tabseek_output"} {
		require.True(t, bytes.Contains(wasm, []byte(export)), export)
	}
	require.Less(t, len(wasm), 16<<20)
}

func TestDefaultModel(t *testing.T) {
	require.Contains(t, string(built(t, "models/pocket/model.json")), `"format":"tabseek-model"`)
	shards, err := fs.Glob(web.Files(), "models/pocket/sha256-*.bin")
	require.NoError(t, err)
	require.NotEmpty(t, shards)
}
