// Package web embeds the built page: the bundles that web/build makes, the guest, and the default model, packed.
package web

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files is the built page with / as its root.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}

// Engine is the guest, engine.wasm, which the page's build names by its content. It is an fs.ErrNotExist where it is not built.
func Engine() ([]byte, error) {
	found, err := fs.Glob(Files(), "engine*.wasm")
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("web/dist holds %d guests: %w", len(found), fs.ErrNotExist)
	}
	return fs.ReadFile(Files(), found[0])
}
