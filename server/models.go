package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"tabseek/engine/weights"
	"tabseek/web"
)

// builtIn is the name of the model that is embedded in the program.
const builtIn = "pocket"

// openModel opens a packed folder, or the built-in model by its name.
func openModel(name string) (*weights.Model, error) {
	if name == builtIn {
		files, err := fs.Sub(web.Files(), "models/"+builtIn)
		if err != nil {
			return nil, err
		}
		model, err := weights.OpenModelFS(files, builtIn)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("model %s is not built in (make build does it): %w", builtIn, fs.ErrNotExist)
		}
		return model, err
	}
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no model %q: neither a packed folder nor the built-in %s", name, builtIn)
	}
	model, err := weights.OpenModel(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s, so it is not a packed model (tabseek pack makes one)", name, weights.ManifestFile)
	}
	return model, err
}

// progressLine reports work of some seconds on stderr, at most twice a second; short work says nothing.
func progressLine(w io.Writer, verb string) func(done, total int64) {
	start := time.Now()
	last := start
	return func(done, total int64) {
		if now := time.Now(); now.Sub(start) > time.Second && now.Sub(last) > 500*time.Millisecond {
			last = now
			fmt.Fprintf(w, "%s %s of %s\n", verb, humanBytes(done), humanBytes(total))
		}
	}
}

// humanBytes prints a size as people read it, in powers of 1000.
func humanBytes(n int64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if float64(n) >= unit.size {
			return fmt.Sprintf("%.2f %s", float64(n)/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
