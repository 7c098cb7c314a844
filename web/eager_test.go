package web_test

import (
	"io/fs"
	"path"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/web"
)

// What a visitor waits for before the page is there, as it is sent: the index, its style sheets, its script and whatever
// that imports at once. What is imported on demand, the worker and the guest come later.
func TestEagerSize(t *testing.T) {
	const limit = 120_000
	index := string(built(t, "index.html"))
	eager := map[string]bool{"index.html": true}
	var queue []string
	for _, m := range regexp.MustCompile(`(?:rel="stylesheet" href|script type="module" src)="/(.*?)"`).FindAllStringSubmatch(index, -1) {
		queue = append(queue, m[1])
	}
	require.GreaterOrEqual(t, len(queue), 2)
	imports := regexp.MustCompile(`(?:\bfrom|\bimport)"(\.?/[^"]+)"`)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if eager[name] {
			continue
		}
		eager[name] = true
		for _, m := range imports.FindAllStringSubmatch(string(built(t, name)), -1) {
			queue = append(queue, path.Clean(path.Join("/", m[1]))[1:])
		}
	}
	require.Contains(t, eager, "tabseek.js", "the page's script imports the API")
	total := 0
	for name := range eager {
		info, err := fs.Stat(web.Files(), name+".br")
		require.NoError(t, err)
		t.Logf("%7d %s", info.Size(), name)
		total += int(info.Size())
	}
	require.Less(t, total, limit)
}
