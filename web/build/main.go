// Command build makes the page in web/dist: bundles (esbuild as a library), the index that names them, and a brotli
// copy beside everything that is worth compressing. The guest and the packed default model are put there by the Makefile.
//
// usage: go run ./web/build        (from the project's root, after npm ci in web)
//
//	go run ./web/build -test     the host's modules for the tests instead, in web/test/built
//	go run ./web/build -package  the npm package instead, in web/dist/package
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
)

const (
	source = "web"
	dist   = "web/dist"
)

func main() {
	test := flag.Bool("test", false, "bundle what the tests import")
	npm := flag.Bool("package", false, "make the npm package, of what is built already")
	flag.Parse()
	work := build
	if *npm {
		work = buildPackage
	}
	if *test {
		work = func() error { _, err := bundle("test/built", "[name]", nil, nil, "test/host.ts"); return err }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// build makes each file before those that name it. All but /tabseek.js, which others import, the service worker and the
// index are named by their content, so that a browser never mixes two builds.
func build() error {
	if err := removeOld(); err != nil {
		return err
	}
	names := map[string]string{}
	engine, err := nameMade("engine", ".wasm")
	if err != nil {
		return err
	}
	preflight, err := nameMade("preflight", ".json")
	if err != nil {
		return err
	}
	if _, err := bundle("dist", "[name]-[hash]", define{"ENGINE_URL": "./" + engine, "PREFLIGHT_URL": "./" + preflight}, names, "src/host/worker.ts"); err != nil {
		return err
	}
	if _, err := bundle("dist", "[name]", define{"WORKER_URL": "./" + names["worker.js"], "ENGINE_URL": "./" + engine}, nil, "src/api/tabseek.ts"); err != nil {
		return err
	}
	if _, err := bundle("dist", "[name]-[hash]", nil, names, "src/app/markdown/highlight-worker.ts"); err != nil {
		return err
	}
	urls := define{"HIGHLIGHT_URL": "/" + names["highlight-worker.js"], "ENGINE_URL": "./" + engine}
	if err := bundlePDF(urls); err != nil {
		return err
	}
	app, err := bundle("dist", "[name]-[hash]", urls, names, "src/app/main.tsx")
	if err != nil {
		return err
	}
	if err := checkShared(app); err != nil {
		return err
	}
	if err := copyExamples(); err != nil {
		return err
	}
	if err := copyPublic(names); err != nil {
		return err
	}
	if err := writeExpanded("manifest.webmanifest", names); err != nil {
		return err
	}
	if err := writeExpanded("index.html", names); err != nil {
		return err
	}
	if _, err := bundle("dist", "[name]-[hash]", nil, names, "src/bench/bench.tsx"); err != nil {
		return err
	}
	if err := writeExpanded("bench.html", names); err != nil {
		return err
	}
	shell, err := listShell()
	if err != nil {
		return err
	}
	if _, err := bundle("dist", "[name]", define{"SHELL": shell}, nil, "src/sw.ts"); err != nil {
		return err
	}
	return compressAll(dist)
}

// pdfFolder holds what reads PDFs. It is large and seldom used, so the service worker does not keep it with the page.
const pdfFolder = dist + "/pdf"

// bundlePDF builds the reader of PDFs and its worker, and says where they are.
func bundlePDF(urls define) error {
	names := map[string]string{}
	for constant, entry := range map[string]string{"PDF_URL": "src/app/sources/pdf.ts", "PDF_WORKER_URL": "node_modules/pdfjs-dist/build/pdf.worker.min.mjs"} {
		if _, err := bundle("dist/pdf", "[name]-[hash]", nil, names, entry); err != nil {
			return err
		}
		urls[constant] = "/pdf/" + names[strings.TrimSuffix(filepath.Base(entry), filepath.Ext(entry))+".js"]
	}
	return compressAll(pdfFolder)
}

// copyExamples copies what shows how the API is used, to be served as it is.
func copyExamples() error {
	return os.CopyFS(filepath.Join(dist, "examples"), os.DirFS(filepath.Join(source, "examples")))
}

// removeOld clears bundles of earlier builds; the guest and the models are not ours.
func removeOld() error {
	for _, folder := range []string{packageFolder, pdfFolder, filepath.Join(dist, "examples")} {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dist)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == ".gitkeep" || isMade(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dist, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// define gives constants of TypeScript their values.
type define map[string]any

// bundle builds entry points into a folder of web and returns the files it made, each with the sources that are in it.
// What one entry point imports on demand is a file of its own. Into served it writes what each is called.
func bundle(folder, form string, constants define, served map[string]string, entries ...string) (map[string][]string, error) {
	root, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name, value := range constants {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		values[name] = string(text)
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: root, EntryPoints: entries, EntryNames: form, ChunkNames: "[name]-[hash]", Splitting: len(entries) == 1, Define: values, External: []string{"/pdf/*"}, Outdir: folder, Write: true, Metafile: true,
		Bundle: true, Format: api.FormatESModule, Target: api.ES2022, JSX: api.JSXAutomatic, JSXImportSource: "preact",
		MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true, LegalComments: api.LegalCommentsEndOfFile,
		Alias:   map[string]string{"linkify-it": "./src/app/markdown/no-links.ts"}, // much code that the page has switched off
		Plugins: []api.Plugin{{Name: "public API", Setup: useServedAPI}},
	})
	if len(result.Errors) > 0 {
		text := api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return nil, errors.New(strings.TrimSpace(strings.Join(text, "")))
	}
	var meta struct {
		Outputs map[string]struct {
			Inputs map[string]json.RawMessage `json:"inputs"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(result.Metafile), &meta); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for name, output := range meta.Outputs {
		base := filepath.Base(name)
		out[base] = slices.Sorted(maps.Keys(output.Inputs))
		if served != nil {
			served[unhashed(base)] = base
		}
	}
	return out, nil
}

// checkShared refuses a page with a copy of what /tabseek.js has: an error of the one would be no TabseekError to the other.
func checkShared(app map[string][]string) error {
	for name, sources := range app {
		for _, s := range sources {
			if strings.HasPrefix(s, "src/shared/") || strings.HasPrefix(s, "src/host/") {
				return fmt.Errorf("%s holds %s: the page imports it from /tabseek.js, as everybody does", name, s)
			}
		}
	}
	return nil
}

// useServedAPI makes the page import /tabseek.js like everybody else: a copy of its own would be a second module with
// a second Trusted Types policy, which a page may not have.
func useServedAPI(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: `/api/tabseek$`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if args.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Path: "/tabseek.js", External: true}, nil
	})
}

// compressAll writes NAME.br beside a folder's text files and the guest.
func compressAll(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains([]string{".js", ".css", ".html", ".svg", ".json", ".wasm", ".webmanifest"}, filepath.Ext(e.Name())) {
			continue
		}
		if err := compress(filepath.Join(folder, e.Name())); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}

func compress(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, 9)
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name+".br", out.Bytes(), 0o644)
}
