// Package need is how a test says what it needs of the machine: things that a clone does not bring.
//
// A test without them is skipped and says so. Where the environment variable TABSEEK_NEED lists a thing, its absence is
// a failure: make lists there what it has built and installed, so that nothing of that passes untested in silence.
package need

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A Thing is what tests may need.
type Thing string

// What tests need.
const (
	GPU        Thing = "gpu"        // a Vulkan device, perhaps of software
	Page       Thing = "page"       // what make build leaves in web/dist: the page, the guest, the default model
	Fixtures   Thing = "fixtures"   // larger golden checkpoints, which lie beside the repository where its makers work
	Vocabulary Thing = "vocabulary" // a published vocabulary, which lies there too
	Templates  Thing = "templates"  // published chat templates, which lie there too
	Npm        Thing = "npm"        // what npm installs for tests
	Debian     Thing = "debian"     // apt-get and dpkg
)

// Have goes on with the test if problem is nil, which is what came of trying to get the thing.
func Have(t testing.TB, thing Thing, problem error) {
	t.Helper()
	switch {
	case problem == nil:
	case slices.Contains(strings.Fields(os.Getenv("TABSEEK_NEED")), string(thing)):
		t.Fatalf("needs %s, which TABSEEK_NEED promises: %v", thing, problem)
	default:
		t.Skipf("needs %s: %v", thing, problem)
	}
}

// File is the path of a file or folder, from the root of the repository on, that is there.
func File(t testing.TB, thing Thing, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{root(t)}, path...)...)
	_, err := os.Stat(file)
	Have(t, thing, err)
	return file
}

// Goldens are the checkpoints with golden numbers: the one of the repository, and larger ones.
var Goldens = []string{committed, "v2-lite", "v3-fp8-mtp", "dense-mla", "qwen2-distill"}

const committed = "tiny-v3"

// Golden is the folder of one of the Goldens.
func Golden(t testing.TB, name string) string {
	t.Helper()
	if name == committed {
		return filepath.Join(root(t), "testdata", "goldens", name)
	}
	return File(t, Fixtures, "..", "shared", "fixtures", name)
}

// root is the root of the repository; tests run in their package's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
