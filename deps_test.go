// Package tabseek_test holds the table of who may import whom (ARCHITECTURE.md). Whoever needs another line changes
// the table, this test and ARCHITECTURE.md in one commit, and says why in RATIONALE.md.
//
// The table is about what is built: test files are left out, because a test may make its inputs with any package.
package tabseek_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The modules that somebody may import.
const (
	float16 = "github.com/x448/float16"
	webgpu  = "github.com/cogentcore/webgpu"
	wazero  = "github.com/tetratelabs/wazero"
	esbuild = "github.com/evanw/esbuild"
	brotli  = "github.com/andybalholm/brotli"
	testify = "github.com/stretchr/testify"
	norm    = "golang.org/x/text/unicode/norm"
)

// A rule is a line of the table: what a package may import beside the standard library. The rest is banned, for the
// reasons given with the bans that matter.
type rule struct {
	pkg string // folder from the root
	may []string
	ban map[string]string // import, or the root of imports: why not
}

var architectureBans = map[string]string{
	"tabseek/engine/deepseek":      "an architecture is told once, and without another",
	"tabseek/engine/gqa":           "an architecture is told once, and without another",
	"tabseek/engine/tokenizer":     "the architecture computes on ids",
	"tabseek/engine/gpu/refgpu":    "it records, it does not execute",
	"tabseek/engine/gpu/nativegpu": "it records, it does not execute",
	"os":                           "a config is JSON, weights are slots: no files",
}

var rules = []rule{
	{"shaders", []string{float16}, map[string]string{
		"tabseek": "kernels are the bottom: anything of ours above them may use them",
		"os":      "a kernel and its reference are data and arithmetic",
	}},
	{"engine/gpu", []string{"shaders"}, map[string]string{
		webgpu:                    "recordings are data; devices execute them",
		"tabseek/engine/deepseek": "work is recorded by architectures, not known here",
		"tabseek/engine/weights":  "a buffer does not know what lies in it",
		"os":                      "a plan does no I/O",
	}},
	{"engine/gpu/gputest", []string{"shaders", "engine/gpu"}, nil},
	{"engine/gpu/refgpu", []string{"shaders", "engine/gpu"}, map[string]string{
		webgpu: "the reference must run where no GPU is",
	}},
	{"engine/gpu/nullgpu", []string{"engine/gpu"}, nil},
	{"engine/gpu/nativegpu", []string{"shaders", "engine/gpu", webgpu}, map[string]string{
		"tabseek/engine/deepseek": "a device executes recordings of any architecture",
		"tabseek/wasm":            "the wire is the harness's affair",
	}},
	{"engine/weights", []string{"engine/message", float16}, map[string]string{
		"tabseek/engine/gpu":      "a packed model is bytes on disk; who uploads them is no matter",
		"tabseek/engine/deepseek": "slots are told to it, so that packing knows no architecture",
	}},
	{"engine/message", nil, map[string]string{"tabseek": "what is said, as data: hosts know it without knowing the engine"}},
	{"engine/message/gen", []string{"engine/message"}, nil},
	{"engine/kvcache", nil, map[string]string{"tabseek": "bookkeeping in plain integers"}},

	{"engine/tokenizer", []string{norm}, map[string]string{
		"tabseek": "text to ids, nothing else",
		"os":      "it is handed a file's content",
		"time":    "what a text becomes depends on the text, not on how fast a machine splits it",
	}},
	{"engine/tokenizer/chat", []string{"engine/message", "engine/tokenizer"}, nil},
	{"engine/panel/answer", nil, map[string]string{"tabseek": "texts and numbers: remote engines' answers are counted by it as well"}},
	{"engine/panel/verify", []string{"engine/message", "engine/panel/answer"}, nil},
	{"engine/panel", []string{"engine/message", "engine/panel/answer", "engine/panel/verify"}, map[string]string{
		"tabseek": "decisions only: whose tokens they are about is no matter",
		"os":      "it is told what traces say",
		"time":    "what it decides depends on what it is told",
	}},
	{"engine/panel/remote", []string{"engine/message", "engine/panel", "engine/panel/verify"}, map[string]string{
		"tabseek": "whoever computes the traces, they are not computed here",
	}},
	{"engine/rope", nil, map[string]string{"tabseek": "arithmetic of angles"}},
	{"engine/record", []string{"shaders", "engine/gpu", "engine/weights", "engine/kvcache"}, map[string]string{
		"tabseek/engine/deepseek":      "what every architecture shares knows none of them",
		"tabseek/engine/gqa":           "what every architecture shares knows none of them",
		"tabseek/engine/tokenizer":     "steps compute on ids",
		"tabseek/engine/gpu/refgpu":    "it records, it does not execute",
		"tabseek/engine/gpu/nativegpu": "it records, it does not execute",
	}},
	{"engine/deepseek", []string{"shaders", "engine/gpu", "engine/weights", "engine/kvcache", "engine/record", "engine/rope"}, architectureBans},
	{"engine/gqa", []string{"shaders", "engine/gpu", "engine/weights", "engine/kvcache", "engine/record", "engine/rope"}, architectureBans},
	{"engine/architecture", []string{"engine/record", "engine/weights", "engine/deepseek", "engine/gqa"}, nil},
	{"engine", []string{"shaders", "engine/gpu", "engine/message", "engine/weights", "engine/kvcache", "engine/tokenizer", "engine/tokenizer/chat", "engine/record", "engine/architecture", "engine/panel", "engine/panel/verify"}, map[string]string{
		"tabseek/engine/gpu/refgpu":    "devices belong to hosts: the same engine runs on all of them",
		"tabseek/engine/gpu/nativegpu": "devices belong to hosts: the same engine runs on all of them",
		"os":                           "the engine does no I/O, so that it runs in a tab and in a test alike",
		"net/http":                     "the engine does no I/O, so that it runs in a tab and in a test alike",
		"time":                         "the engine reads no clock: what it does depends on what it is told",
	}},
	{"engine/enginetest/need", nil, map[string]string{"tabseek": "every package's tests may use it"}},
	{"engine/enginetest", []string{"engine", "engine/enginetest/need", "shaders", "engine/gpu", "engine/message", "engine/weights", "engine/tokenizer", "engine/architecture", "engine/record", testify, float16}, nil},
	{"wasm/abi", []string{"shaders", "engine/gpu", "engine/message"}, map[string]string{
		"tabseek/engine":          "the wire carries commands and opaque JSON: a change of the engine is none of the wire",
		"tabseek/engine/deepseek": "the wire carries commands and opaque JSON",
	}},
	{"wasm/abi/gen", []string{"shaders", "engine/gpu", "engine/message", "wasm/abi"}, nil},
	{"wasm/preflight", []string{"shaders", "engine/gpu", "engine/gpu/gputest", "wasm/abi"}, map[string]string{"tabseek/engine": "a device is examined by kernels alone"}},
	{"wasm", []string{"engine", "engine/gpu", "engine/message", "engine/panel/remote", "wasm/abi"}, map[string]string{
		"os": "the guest sees no files",
	}},
	{"wasm/harness", []string{"engine/gpu", "engine/message", "wasm/abi", wazero}, map[string]string{
		"tabseek/engine":          "it knows only the wire, as the page does: what it needs of the engine must be in the guest",
		"tabseek/engine/deepseek": "it knows only the wire",
		webgpu:                    "the device is the caller's choice",
	}},
	{"wasm/harness/openai", []string{"engine/message", "wasm/harness", "server/loopback"}, map[string]string{
		wazero:               "it speaks HTTP on one side and asks a host on the other",
		webgpu:               "it speaks HTTP on one side and asks a host on the other",
		"tabseek/engine/gpu": "it speaks HTTP on one side and asks a host on the other",
	}},
	{"wasm/harness/tabseek-headless", []string{"shaders", "engine/gpu", "engine/gpu/gputest", "engine/gpu/nativegpu", "engine/gpu/nullgpu", "engine/gpu/refgpu", "engine/message", "engine/panel", "engine/panel/answer", "engine/panel/verify", "wasm/abi", "wasm/harness", "wasm/harness/openai", "web", "server/commandline", "server/loopback"}, map[string]string{
		"tabseek/engine": "it must run the engine that is shipped, engine.wasm, and no other",
	}},
	{"web", nil, map[string]string{"tabseek": "files, embedded"}},
	{"web/build", []string{esbuild, brotli}, map[string]string{"tabseek": "it builds from sources in TypeScript"}},
	{"server/loopback", nil, map[string]string{"tabseek": "names and addresses of this machine, whatever is served"}},
	{"server/commandline", nil, map[string]string{"tabseek": "arguments and exit statuses, whatever the command"}},
	{"server/commandline/commandtest", []string{testify}, map[string]string{"tabseek": "what came of a command line, whatever the command"}},
	{"server/remote", []string{"server/commandline"}, map[string]string{"tabseek/engine": "requests and answers pass through it unread"}},
	{"server", []string{"server/commandline", "server/loopback", "server/remote", "web", "engine/weights", "shaders", "engine/architecture", "engine/record", "engine/message", "engine/tokenizer", "engine/tokenizer/chat"}, map[string]string{
		"tabseek/engine":     "the server hosts; the page computes",
		"tabseek/engine/gpu": "the server hosts; the page computes",
	}},
}

// linkBans hold for everything a package links, not only for what it imports itself.
var linkBans = []struct {
	path, why string
	except    []string // packages that may
}{
	{"syscall/js", "one guest for the page and the harness: wazero has no JavaScript", nil},
	{wazero, "the guest must not carry a runtime, nor the server", []string{"wasm/harness", "wasm/harness/openai", "wasm/harness/tabseek-headless"}},
	{webgpu, "only the native device touches a GPU", []string{"engine/gpu/nativegpu", "wasm/harness/tabseek-headless"}},
	{esbuild, "a bundler is for building", []string{"web/build"}},
	{brotli, "pages are compressed when they are built", []string{"web/build"}},
	{"testing", "support for tests is for tests", []string{"engine/enginetest", "engine/enginetest/need", "server/commandline/commandtest"}},
}

// cgoUsers may use cgo: all else is built with CGO_ENABLED=0 for any machine.
var cgoUsers = []string{"engine/gpu/nativegpu", "wasm/harness/tabseek-headless"}

// listed is what go list tells of a package.
type listed struct {
	ImportPath    string
	Standard      bool
	CgoFiles      []string
	Imports, Deps []string
}

// goList lists packages and all they link.
func goList(t *testing.T, environment []string, patterns ...string) map[string]listed {
	t.Helper()
	c := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Standard,CgoFiles,Imports,Deps"}, patterns...)...)
	c.Env = append(os.Environ(), environment...)
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		require.NoError(t, err, string(failed.Stderr))
	}
	require.NoError(t, err)
	packages := map[string]listed{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages[p.ImportPath] = p
	}
}

// ours is a package's folder from the root, if it is of this module.
func ours(path string) (string, bool) { return strings.CutPrefix(path, "tabseek/") }

// under tells whether a path is root or below it.
func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestImports(t *testing.T) {
	native := goList(t, nil, "./...")
	// The guest is another program on wasip1 than the stub that other systems see.
	for path, p := range goList(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "./wasm") {
		if path == "tabseek/wasm" {
			native[path] = p
		}
	}
	byFolder := map[string]rule{}
	for _, r := range rules {
		byFolder[r.pkg] = r
		require.Contains(t, native, "tabseek/"+r.pkg, "a rule for a package that is gone")
		_, err := os.ReadDir(r.pkg) // go test keeps a result until what the test itself has read changes
		require.NoError(t, err)
	}
	for path, p := range native {
		folder, ok := ours(path)
		if !ok {
			continue
		}
		t.Run(folder, func(t *testing.T) {
			r, ok := byFolder[folder]
			require.True(t, ok, "no rule for %s: say in deps_test.go what it may import", folder)
			for _, imported := range p.Imports {
				require.Empty(t, r.refusal(imported, native[imported].Standard), "%s imports %s", folder, imported)
			}
			for _, ban := range linkBans {
				if slices.Contains(ban.except, folder) {
					continue
				}
				for _, dep := range p.Deps {
					require.False(t, under(dep, ban.path), "%s links %s: %s", folder, dep, ban.why)
				}
			}
			for _, dep := range append(p.Deps, path) {
				if d := native[dep]; !d.Standard && !slices.Contains(cgoUsers, folder) {
					require.Empty(t, d.CgoFiles, "%s links %s, which needs cgo", folder, dep)
				}
			}
		})
	}
}

// refusal says why a package may not import another, or nothing.
func (r rule) refusal(path string, standard bool) string {
	if why, ok := r.ban[path]; ok {
		return why
	}
	for _, may := range r.may {
		if path == "tabseek/"+may || strings.Contains(may, ".") && under(path, may) {
			return ""
		}
	}
	for root, why := range r.ban {
		if under(path, root) {
			return why
		}
	}
	if standard || path == "C" {
		return ""
	}
	return "not in its line of the table"
}

// The server is pure Go whatever the machine: what bin/tabseek links is checked as it is built.
func TestServerWithoutCgo(t *testing.T) {
	for path, p := range goList(t, []string{"CGO_ENABLED=0"}, "./server") {
		require.Empty(t, p.CgoFiles, path)
		for _, banned := range []string{wazero, webgpu, esbuild, "syscall/js", "runtime/cgo"} {
			require.False(t, under(path, banned), path)
		}
	}
}

func TestRefusal(t *testing.T) {
	r := rule{"x", []string{"shaders", webgpu}, map[string]string{"tabseek": "below", "os": "no files"}}
	for _, c := range []struct {
		path     string
		standard bool
		want     string
	}{
		{"tabseek/shaders", false, ""}, {webgpu + "/wgpu", false, ""}, {"fmt", true, ""},
		{"tabseek/engine", false, "below"}, {"os", true, "no files"}, {"os/exec", true, "no files"},
		{"tabseek/shaders/inner", false, "below"}, {"example.com/x", false, "not in its line of the table"},
	} {
		require.Equal(t, c.want, r.refusal(c.path, c.standard), c.path)
	}
}
