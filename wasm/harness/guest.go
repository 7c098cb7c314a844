package harness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"tabseek/wasm/abi"
)

// A guest is an instance of engine.wasm, and the time spent in it.
type guest struct {
	runtime               wazero.Runtime
	module                api.Module
	input, handle, output api.Function

	calls int
	spent time.Duration
}

// newGuest compiles the module and starts it. It sees a clock, random numbers and somewhere to print: no files, no arguments.
func newGuest(ctx context.Context, wasm []byte, log io.Writer) (*guest, error) {
	config := wazero.NewRuntimeConfig()
	if cache := compilationCache(); cache != nil {
		config = config.WithCompilationCache(cache)
	}
	g := &guest{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if err := g.start(ctx, wasm, log); err != nil {
		return nil, errors.Join(fmt.Errorf("engine.wasm: %w", err), g.runtime.Close(ctx))
	}
	return g, nil
}

// compilationCache keeps compiled modules between runs; without a place for it, compiling takes a few seconds each time.
func compilationCache() wazero.CompilationCache {
	folder, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(filepath.Join(folder, "tabseek", "wazero"))
	if err != nil {
		return nil
	}
	return cache
}

func (g *guest) start(ctx context.Context, wasm []byte, log io.Writer) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, g.runtime); err != nil {
		return err
	}
	config := wazero.NewModuleConfig().WithStartFunctions("_initialize").WithStdout(log).WithStderr(log).
		WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader)
	module, err := g.runtime.InstantiateWithConfig(ctx, wasm, config)
	if err != nil {
		return err
	}
	g.module = module
	if err := checkVersion(ctx, module); err != nil {
		return err
	}
	for name, function := range map[string]*api.Function{"tabseek_input": &g.input, "tabseek_handle": &g.handle, "tabseek_output": &g.output} {
		if *function = module.ExportedFunction(name); *function == nil {
			return fmt.Errorf("export %s is missing", name)
		}
	}
	return nil
}

// checkVersion comes before all else: whatever a guest of another build says may be misunderstood.
func checkVersion(ctx context.Context, module api.Module) error {
	version := module.ExportedFunction("tabseek_version")
	if version == nil {
		return errors.New("export tabseek_version is missing")
	}
	spoken, err := version.Call(ctx)
	if err != nil {
		return err
	}
	return abi.CheckVersion(uint32(spoken[0]), abi.Version)
}

func (g *guest) call(ctx context.Context, function api.Function, params ...uint64) (uint64, error) {
	start := time.Now()
	results, err := function.Call(ctx, params...)
	g.spent += time.Since(start)
	g.calls++
	if err != nil {
		return 0, fmt.Errorf("engine.wasm: %s: %w", function.Definition().Name(), err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// send hands the guest a message.
func (g *guest) send(ctx context.Context, kind abi.Message, data []byte) error {
	at, err := g.call(ctx, g.input, uint64(len(data)))
	if err != nil {
		return err
	}
	if !g.module.Memory().Write(uint32(at), data) {
		return fmt.Errorf("engine.wasm: tabseek_input: %d bytes at %d are outside its memory", len(data), at)
	}
	_, err = g.call(ctx, g.handle, uint64(kind), uint64(len(data)))
	return err
}

// take fetches what the guest wants done. Bytes in the frames are valid until the next call of the guest.
func (g *guest) take(ctx context.Context) ([]abi.Frame, error) {
	where, err := g.call(ctx, g.output)
	if err != nil {
		return nil, err
	}
	stream, ok := g.module.Memory().Read(uint32(where>>32), uint32(where))
	if !ok {
		return nil, fmt.Errorf("engine.wasm: tabseek_output: %d bytes at %d are outside its memory", uint32(where), where>>32)
	}
	return abi.Decode(stream)
}

// memory is the size of the guest's linear memory in bytes: heap, stacks and data.
func (g *guest) memory() int64 { return int64(g.module.Memory().Size()) }

func (g *guest) close(ctx context.Context) error { return g.runtime.Close(ctx) }
