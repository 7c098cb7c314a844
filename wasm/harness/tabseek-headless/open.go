package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/engine/gpu/nullgpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/wasm/harness"
	"tabseek/web"
)

// builtIn is the name of the model that is embedded in the program.
const builtIn = "pocket"

func openDevice(t target) (gpu.Device, error) {
	switch t.device {
	case "ref":
		return refgpu.New(), nil
	case "null":
		return nullgpu.New(), nil
	}
	return nativegpu.Open(nativegpu.Options{Minimum: t.minimum})
}

// withModel loads the model on the device, and passes both to use.
func withModel(ctx context.Context, t target, name string, to streams, use func(*harness.Host) error) (err error) {
	model, err := openModel(name)
	if err != nil {
		return err
	}
	wasm, err := readWasm(t.wasm)
	if err != nil {
		return err
	}
	device, err := openDevice(t)
	if err != nil {
		return err
	}
	defer device.Close()
	options := harness.Options{Wasm: wasm, Model: model, Device: device, Log: to.err, Context: t.context, Chunk: t.chunk, Sequences: t.sequences, Profile: t.profile}
	host, err := openTuned(ctx, t, options)
	if err != nil {
		return fmt.Errorf("model %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, host.Close(context.WithoutCancel(ctx))) }()
	return use(host)
}

// openModel finds a packed folder, or the built-in model by its name.
func openModel(name string) (fs.FS, error) {
	if name == builtIn {
		model, err := fs.Sub(web.Files(), "models/"+builtIn)
		if err != nil {
			return nil, err
		}
		if _, err := fs.Stat(model, "model.json"); err != nil {
			return nil, fmt.Errorf("model %s is not built in: run make build", builtIn)
		}
		return model, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("no model %q: neither a packed folder nor the built-in %s", name, builtIn)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("model %s is a file, want a packed folder (tabseek pack makes one)", name)
	}
	if _, err := os.Stat(name + "/model.json"); err != nil {
		return nil, fmt.Errorf("model %s has no model.json, so it is not a packed folder (tabseek pack makes one)", name)
	}
	return os.DirFS(name), nil
}

func readWasm(file string) ([]byte, error) {
	if file != "" {
		return os.ReadFile(file)
	}
	wasm, err := web.Engine()
	if err != nil {
		return nil, errors.New("engine.wasm is not built in: run make build, or name one with --wasm")
	}
	return wasm, nil
}
