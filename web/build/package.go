package main

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// packageFolder is what npm installs: the API, its worker, the guest and what devices are examined with, under names that stay.
const packageFolder = dist + "/package"

const packageReadme = `# tabseek

DeepSeek-architecture language models in a browser tab, on the user's own GPU. See docs/api.md of the project.

    import { load } from 'tabseek';
    const engine = await load('/models/pocket', { workerURL: '/tabseek/worker.js', wasmURL: '/tabseek/engine.wasm' });

Serve worker.js and engine.wasm of this package from the origin of your page. Without a bundler, both are found beside tabseek.js.
`

// buildPackage makes an npm package of what build has built. It comes after the server, which embeds the rest of web/dist.
func buildPackage() error {
	if err := os.RemoveAll(packageFolder); err != nil {
		return err
	}
	if _, err := bundle("dist/package", "[name]", define{"ENGINE_URL": "./engine.wasm", "PREFLIGHT_URL": "./preflight.json"}, nil, "src/host/worker.ts"); err != nil {
		return err
	}
	if _, err := bundle("dist/package", "[name]", define{"WORKER_URL": "./worker.js", "ENGINE_URL": "./engine.wasm"}, nil, "src/api/tabseek.ts"); err != nil {
		return err
	}
	engine, err := nameMade("engine", ".wasm")
	if err != nil {
		return err
	}
	preflight, err := nameMade("preflight", ".json")
	if err != nil {
		return err
	}
	for from, to := range map[string]string{filepath.Join(dist, engine): "engine.wasm", filepath.Join(dist, preflight): "preflight.json", "LICENSE": "LICENSE"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(packageFolder, to), data, 0o644); err != nil {
			return err
		}
	}
	if err := os.CopyFS(filepath.Join(packageFolder, "types"), os.DirFS(filepath.Join(dist, "types"))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(packageFolder, "README.md"), []byte(packageReadme), 0o644); err != nil {
		return err
	}
	return writePackageJSON()
}

func writePackageJSON() error {
	description := map[string]any{
		"name": "tabseek", "version": "0.0.0", "description": "DeepSeek-architecture language models in a browser tab", "license": "Apache-2.0",
		"type": "module", "sideEffects": false, "types": "./types/api/tabseek.d.ts",
		"exports": map[string]any{
			".":                map[string]string{"types": "./types/api/tabseek.d.ts", "default": "./tabseek.js"},
			"./worker.js":      "./worker.js",
			"./engine.wasm":    "./engine.wasm",
			"./preflight.json": "./preflight.json",
			"./package.json":   "./package.json",
		},
		"files": []string{"tabseek.js", "worker.js", "engine.wasm", "preflight.json", "types"},
	}
	data, err := json.MarshalIndent(description, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(packageFolder, "package.json"), append(data, '\n'), 0o644)
}
